// The library from Go: trains on points of a ring, draws, reads an error.
package main

// #cgo pkg-config: libflowmatch
// #include <flowmatch.h>
import "C"

import (
	"fmt"
	"math"
	"os"
)

func check(ctx *C.fm_ctx, status C.fm_status) {
	if status != C.FM_OK {
		fmt.Fprintln(os.Stderr, C.GoString(C.fm_status_name(status)), C.GoString(C.fm_ctx_message(ctx)))
		os.Exit(1)
	}
}

func main() {
	const n = 256
	rows, samples := make([]C.float, 2*n), make([]C.float, 2*n)
	for i := 0; i < n; i++ {
		rows[2*i], rows[2*i+1] = C.float(10+math.Cos(float64(i))), C.float(math.Sin(float64(i)))
	}
	var ctx *C.fm_ctx
	check(ctx, C.fm_ctx_create(nil, &ctx))
	defer C.fm_ctx_destroy(ctx)

	var net C.fm_net_options
	C.fm_net_options_init(&net)
	net.width, net.depth = 32, 2
	var steps C.fm_optimizer_options
	C.fm_optimizer_options_init(&steps)
	steps.n_steps = 100
	var optimizer *C.fm_optimizer
	check(ctx, C.fm_optimizer_create(ctx, &steps, &optimizer))
	defer C.fm_optimizer_destroy(optimizer)
	var data *C.fm_data
	check(ctx, C.fm_data_create(ctx, &rows[0], nil, nil, nil, nil, n, 2, 0, 0, nil, &data))
	defer C.fm_data_destroy(data)
	var model *C.fm_model
	check(ctx, C.fm_fit(ctx, data, nil, nil, optimizer, &net, nil, &model))
	defer C.fm_model_destroy(model)
	check(ctx, C.fm_sample(ctx, model, 1, 0, nil, nil, n, &samples[0]))
	mean := 0.0
	for i := 0; i < n; i++ {
		mean += float64(samples[2*i]) / n
	}

	rows[3] = C.float(math.NaN())
	var bad *C.fm_data
	status := C.fm_data_create(ctx, &rows[0], nil, nil, nil, nil, n, 2, 0, 0, nil, &bad)
	fmt.Printf("mean %.2f; %s\n", mean, C.GoString(C.fm_ctx_message(ctx)))
	if mean < 9 || mean > 11 || status != C.FM_E_NONFINITE {
		os.Exit(1)
	}
}
