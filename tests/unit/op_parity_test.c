/* op_parity_test.c - operators against numbers computed with PyTorch, in double. */
#include "op_fixture.h"

#include "net/net.h"

#define VECTOR(n)                                                                                            \
  { 1, n }

/* Inputs are sin(1 + .7 i), weights cos(2 + .3 i), biases .1 i - .15, gradients cos(.5 i). */
#define PARITY_TOLERANCE (IS_DOUBLE ? 1e-13 : 2e-6)
static void waves(real *x, size_t n, double (*wave)(double), double start, double step) {
  for (size_t i = 0; i < n; i++) x[i] = (real)wave(start + step * (double)i);
}
static void expect(const real *got, const double *want, size_t n, const char *what) {
  for (size_t i = 0; i < n; i++)
    ck_assert_msg(fabs((double)got[i] - want[i]) <= PARITY_TOLERANCE * (1 + fabs(want[i])),
                  "%s [%zu] = %.17g, expected %.17g", what, i, (double)got[i], want[i]);
}
static bench set_up(const example *e, size_t rows, bool blas) {
  bench b = bench_open(e, fmi_kernels_get(FM_ISA_AUTO), rows, blas);
  size_t weights = b.node.weight_out * b.node.weight_in;
  waves(b.in[0], b.n_in[0], sin, 1, 0.7);
  waves(b.params, weights, cos, 2, 0.3);
  for (size_t i = weights; i < b.node.n_params; i++) b.params[i] = (real)(0.1 * (double)(i - weights) - 0.15);
  bench_pack(&b);
  return b;
}
static void all_of(bench *b) {
  real *w = new_reals(b->n_out);
  waves(w, b->n_out, cos, 0, 0.5);
  bench_forward(b);
  bench_vjp(b, w);
  for (size_t part = 0; b->node.op->grad && part < b->node.grad_parts; part++) bench_grad_part(b, part);
  free(w);
}

START_TEST(linear_with_gelu_agrees_with_pytorch) {
  static const double y[] = {-0.071251484811540811, -0.015921326315063999, -0.11393528081404342,
                             0.62575967261699272,   0.9265196637148625,    1.3274178474905347,
                             0.50081997645007337,   -0.16170385062646517};
  static const double dx[] = {0.13342454278034427, 0.16860276126130802, 0.1887201972201771,
                              1.8227594038918935,  1.7303142331951351,  1.4833052453575171};
  static const double dp[] = {
      -0.11316402439100828, 0.16915971059637444,  0.37192499049689237,   -0.065956157450284186,
      0.51991218021437224,  0.86125769567229926,  -0.098153959030293919, 0.5135505473311478,
      0.88372420683409636,  0.056964005027581026, 0.12488387381434982,   0.13406890538187369,
      -0.5696336860108886,  -0.93803245744171659, -1.0217255652769499,   -0.015375665724147961};
  const example e = {
      .op = &fmi_op_linear, .n_inputs = 1, .in = {VECTOR(3)}, .attribute = {4}, .activation = FM_ACT_GELU};
  for (int blas = 0; blas < 2; blas++) {
    bench b = set_up(&e, 2, blas);
    all_of(&b);
    expect(b.out, y, 8, "y");
    expect(b.d_in[0], dx, 6, "dx");
    expect(b.d_params, dp, 16, "dW, db");
    bench_close(&b);
  }
}
END_TEST

/* conv1d(x [N][C][L], W [out][C][taps], padding = 1), with tokens in rows here. */
START_TEST(conv1d_agrees_with_pytorch) {
  static const double y[] = {
      -2.3183610315211505,  -0.4369406507097795, 2.3941884842474868,    -0.51488645058973714,
      -1.4582128991374079,  1.0547842915054244,  2.0192061629210007,    -0.44611543022008837,
      -1.939209651948486,   0.95227399833629123, 1.2235596832709916,    -1.6309848538479585,
      -0.47589351497722299, 0.7155712141146624,  0.028014748010061305,  -0.90690258933030066,
      -0.7847849398138893,  1.1407919442796,     1.0624400663667999,    -1.2161684167904634,
      -0.63252825224737208, 1.9744378709877926,  0.54531924448350311,   -2.3449534297033083,
      -0.64027079596506886, 1.3185378389872453,  -0.081598531404236119, -1.8764162104713267,
      0.015333931905912937, 1.7467281981042093};
  static const double dx[] = {
      -0.99123076172108959,  -1.1255346214166329,  -0.49338192568041772, -0.63075677053509704,
      0.27354845250399851,   0.20226505977525822,  0.53208202978174457,  0.65937209918240192,
      0.29779278749173743,   0.81370243046401547,  -0.18853124418297296, -0.83310859667795401,
      0.11902805239491954,   0.013515259997467166, 0.5769719311320527,   0.67670215412549273,
      -0.037401292696735644, 0.082220773493220878, -0.92960205892951187, -0.47957853372950382};
  static const double dp[] = {-3.2825708057564604,  2.976031562400852,   3.2388310077204152,
                              -0.97468259676419544, 4.9367600010414101,  1.4212441886667564,
                              -4.0332599373891416,  0.67103205750324002, 3.5933291946582058,
                              -2.5866358772687321,  3.4774983074676178,  2.9846155478557685,
                              -3.796466371491074,   -1.7982594981323299, 3.0680550730068212,
                              -3.565290482937896,   1.1668237462323239,  3.8172489288234512,
                              1.2288619422835843,   0.7815178546131567,  0.14283093974537997};
  const example e = {.op = &fmi_op_conv1d, .n_inputs = 1, .in = {{5, 2}}, .attribute = {3, 3}};
  for (int blas = 0; blas < 2; blas++) {
    bench b = set_up(&e, 2, blas);
    all_of(&b);
    expect(b.out, y, 30, "y");
    expect(b.d_in[0], dx, 20, "dx");
    expect(b.d_params, dp, 21, "dW, db");
    bench_close(&b);
  }
}
END_TEST

/* layer_norm(x, eps = 1e-6) * (1 + scale) + shift; the modulation is the weights' wave. */
START_TEST(adaln_agrees_with_pytorch) {
  static const double y[] = {-0.36771357169735192, -0.45421849244128076, -0.65136554366209443,
                             -1.3735906020138609,  -2.6562835287332591,  -0.48518074275148032,
                             -0.86536848980348924, -0.95333360944373213, -0.45203584368068117,
                             0.49944260925107509};
  static const double dx[] = {-0.18965602596002301,   -0.073612008341769619, 0.18378223868780902,
                              0.24040087190894177,    -0.16091507629495799,  0.20597497932555417,
                              -0.0042983701277666819, -0.21207184871396795,  -0.20304407650385964,
                              0.21343931602004015};
  static const double dm[] = {0.1988563844530663,   -0.11240993471007266, -0.39615438142265658,
                              -0.58290641919590902, -0.6269426359779221,  1.6325767990159568,
                              1.8332002338197064,   0.47359462720969203,  -0.53080526143179418,
                              0.37894464279869894};
  const example e = {.op = &fmi_op_adaln, .n_inputs = 2, .in = {{2, 5}, VECTOR(10)}};
  bench b = set_up(&e, 1, false);
  waves(b.in[1], 10, cos, 2, 0.3);
  all_of(&b);
  expect(b.out, y, 10, "y");
  expect(b.d_in[0], dx, 10, "dx");
  expect(b.d_in[1], dm, 10, "dm");
  bench_close(&b);
}
END_TEST

/* Also at -1 and 1, where other implementations' numbers are often given. */
START_TEST(activations_agree_with_pytorch) {
  enum { N = 7 };
  static const double x[N] = {-3, -1.5, -0.25, 0.4, 2, -1, 1};
  static const double y[FMI_N_ACT][N] = {
      [FM_ACT_SILU] = {-0.14227761953270035, -0.27363828570953452, -0.10945587477855048, 0.23947506404498081,
                       1.7615941559557646, -.2689414213699951, .7310585786300049},
      [FM_ACT_GELU] = {-0.0040496940948903104, -0.10021080190328704, -0.10032341857926907,
                       0.26216869664412967, 1.9544997361036416, -.15865525393145702, .841344746068543},
      [FM_ACT_GELU_TANH] = {-0.0036373920817729943, -0.10042842301976707, -0.100324649298315,
                            0.26216116942735618, 1.954597694087775, -.15880800939172324, .8411919906082768},
      [FM_ACT_SELU] = {-1.6705687287671118, -1.3658143533672527, -0.38889019747811898, 0.42028039494219221,
                       2.1014019747109609, -1.1113307378125625, 1.0507009873554805},
      [FM_ACT_ELU] = {-0.95021293163213605, -0.77686983985157021, -0.22119921692859512, 0.4, 2,
                      -.6321205588285577, 1},
      [FM_ACT_TANH] = {-0.99505475368673046, -0.9051482536448664, -0.24491866240370913, 0.3799489622552249,
                       0.9640275800758169, -.7615941559557649, .7615941559557649},
      [FM_ACT_RELU] = {0, 0, 0, 0.4, 2, 0, 1},
      [FM_ACT_MISH] = {-0.14564746127562461, -0.29809974216680674, -0.129926963679141, 0.28903053407236312,
                       1.9439589595339946, -.3034014613741089, .8650983882673103}};
  for (uint32_t act = 1; act < FMI_N_ACT; act++) {
    example e = {.op = &fmi_op_activation, .n_inputs = 1, .in = {VECTOR(N)}, .activation = act};
    for (uint32_t isa = FM_ISA_AUTO; isa <= FM_ISA_PLAIN; isa++) {
      bench b = bench_open(&e, fmi_kernels_get(isa), 1, false);
      for (size_t i = 0; i < N; i++) b.in[0][i] = (real)x[i];
      bench_forward(&b);
      expect(b.out, y[act], N, fmi_activation_name(act));
      bench_close(&b);
    }
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {linear_with_gelu_agrees_with_pytorch, conv1d_agrees_with_pytorch,
                                adaln_agrees_with_pytorch, activations_agree_with_pytorch};
  return run_tests("op_parity", tests, FMI_COUNT(tests));
}
