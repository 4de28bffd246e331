// A model behind a pool of samplers, for many goroutines. Explained in docs/guides/service.md.
package main

// #cgo pkg-config: libflowmatch
// #include <flowmatch.h>
import "C"

import (
	"context"
	"errors"
	"fmt"
)

// Flow draws from one model. Its methods may be called by any number of goroutines.
type Flow struct {
	dim   int
	model *C.fm_model
	idle  chan *worker // those that nobody uses
}

// A worker is used by one goroutine at a time, on whatever thread that goroutine is: what it needs to remember
// is in the context, nothing in the thread.
type worker struct {
	ctx     *C.fm_ctx
	sampler *C.fm_sampler
}

func failure(ctx *C.fm_ctx, status C.fm_status) error {
	return fmt.Errorf("%s: %s", C.GoString(C.fm_status_name(status)), C.GoString(C.fm_ctx_message(ctx)))
}

// NewFlow learns the table rows [n][dim] in so many steps and makes workers to draw with.
func NewFlow(rows []float32, dim, steps, workers int) (*Flow, error) {
	var ctx *C.fm_ctx
	if status := C.fm_ctx_create(nil, &ctx); status != C.FM_OK {
		return nil, errors.New(C.GoString(C.fm_status_name(status)))
	}
	defer C.fm_ctx_destroy(ctx)
	var shape C.fm_net_options
	C.fm_net_options_init(&shape)
	shape.width, shape.depth = 48, 2
	var rule C.fm_optimizer_options
	C.fm_optimizer_options_init(&rule)
	rule.n_steps = C.uint64_t(steps)

	var data *C.fm_data // a copy: C keeps no pointer to Go's memory
	status := C.fm_data_create(ctx, (*C.float)(&rows[0]), nil, nil, nil, nil, C.size_t(len(rows)/dim),
		C.size_t(dim), 0, 0, nil, &data)
	if status != C.FM_OK {
		return nil, failure(ctx, status)
	}
	defer C.fm_data_destroy(data)
	var optimizer *C.fm_optimizer
	if status = C.fm_optimizer_create(ctx, &rule, &optimizer); status != C.FM_OK {
		return nil, failure(ctx, status)
	}
	defer C.fm_optimizer_destroy(optimizer)
	flow := &Flow{dim: dim, idle: make(chan *worker, workers)}
	if status = C.fm_fit(ctx, data, nil, nil, optimizer, &shape, nil, &flow.model); status != C.FM_OK {
		return nil, failure(ctx, status)
	}
	for i := 0; i < workers; i++ {
		w, err := newWorker(flow.model)
		if err != nil {
			flow.Close()
			return nil, err
		}
		flow.idle <- w
	}
	return flow, nil
}

func newWorker(model *C.fm_model) (*worker, error) {
	w := &worker{}
	if status := C.fm_ctx_create(nil, &w.ctx); status != C.FM_OK {
		return nil, errors.New(C.GoString(C.fm_status_name(status)))
	}
	if status := C.fm_sampler_create(w.ctx, model, nil, nil, &w.sampler); status != C.FM_OK {
		err := failure(w.ctx, status)
		C.fm_ctx_destroy(w.ctx)
		return nil, err
	}
	return w, nil
}

// Close frees all once nobody draws any more.
func (f *Flow) Close() {
	close(f.idle)
	for w := range f.idle {
		C.fm_sampler_destroy(w.sampler)
		C.fm_ctx_destroy(w.ctx)
	}
	C.fm_model_destroy(f.model)
}

// Draw returns n rows [n][dim] of the table that seed names, from row first on. It waits for a worker, and ends
// early with the context's error once that is done.
func (f *Flow) Draw(ctx context.Context, seed, first uint64, n int) ([]float32, error) {
	var w *worker
	select {
	case w = <-f.idle:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { f.idle <- w }()

	finished, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
			C.fm_ctx_stop(w.ctx) // may be called while another goroutine draws
		case <-finished:
		}
	}()
	out := make([]float32, n*f.dim)
	status := w.draw(seed, first, n, out)
	close(finished)
	<-watched // nobody stops this worker any more

	if ctx.Err() != nil {
		if status != C.FM_STOPPED {
			w.forgetStop(out)
		}
		return nil, ctx.Err()
	}
	if status != C.FM_OK {
		return nil, failure(w.ctx, status)
	}
	return out, nil
}

func (w *worker) draw(seed, first uint64, n int, out []float32) C.fm_status {
	return C.fm_sampler_draw(w.ctx, w.sampler, C.uint64_t(seed), C.uint64_t(first), nil, nil, C.size_t(n),
		(*C.float)(&out[0]))
}

// forgetStop uses up a wish to stop that came too late: it would end the next draw, which is somebody else's.
func (w *worker) forgetStop(out []float32) {
	w.draw(0, 0, 1, out)
}
