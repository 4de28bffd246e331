/* colour_map.c - numbers as colours: from nearly black over purple and red to pale yellow. Equal steps look
   equal: lightness rises in a line in the OKLab space (Ottosson, "A perceptual color space for image
   processing", 2020), so that the order is also seen by eyes that tell few hues apart, and in grey. */
#include "cli/canvas.h"

#include <math.h>

#define LIGHTNESS_LOW .15
#define LIGHTNESS_HIGH .95
#define HUE_LOW 285 /* degrees; from purple through red, 360, to yellow */
#define HUE_HIGH 460
#define PI 3.14159265358979323846

static double gamma_of(double linear) { /* IEC 61966-2-1 */
  return linear <= .0031308 ? 12.92 * linear : 1.055 * pow(linear, 1 / 2.4) - .055;
}

/* OKLCh to linear sRGB, with the constants of the article. */
static void to_linear(double lightness, double chroma, double hue, double rgb[3]) {
  double a = chroma * cos(hue), b = chroma * sin(hue);
  double l = pow(lightness + .3963377774 * a + .2158037573 * b, 3);
  double m = pow(lightness - .1055613458 * a - .0638541728 * b, 3);
  double s = pow(lightness - .0894841775 * a - 1.2914855480 * b, 3);
  rgb[0] = 4.0767416621 * l - 3.3077115913 * m + .2309699292 * s;
  rgb[1] = -1.2684380046 * l + 2.6097574011 * m - .3413193965 * s;
  rgb[2] = -.0041960863 * l - .7034186147 * m + 1.7076147010 * s;
}

static bool is_shown(const double rgb[3]) {
  for (int i = 0; i < 3; i++)
    if (rgb[i] < 0 || rgb[i] > 1) return false;
  return true;
}

colour colour_map(double part) {
  double at = fmin(1, fmax(0, part)), rgb[3];
  double lightness = LIGHTNESS_LOW + (LIGHTNESS_HIGH - LIGHTNESS_LOW) * at;
  double hue = (HUE_LOW + (HUE_HIGH - HUE_LOW) * at) * PI / 180;
  double chroma = .06 + .15 * sin(PI * pow(at, .8)); /* as colourful as screens are, and pale at the ends */
  for (to_linear(lightness, chroma, hue, rgb); !is_shown(rgb); to_linear(lightness, chroma, hue, rgb))
    chroma *= .99;
  return (colour){(unsigned char)(255 * gamma_of(rgb[0]) + .5), (unsigned char)(255 * gamma_of(rgb[1]) + .5),
                  (unsigned char)(255 * gamma_of(rgb[2]) + .5)};
}
