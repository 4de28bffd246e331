// Package flowmatch trains and samples Conditional Flow Matching models: a layer over part of flowmatch.h, to
// start from.
//
// Everything here may be used from any goroutine. A *Data and a *Model are immutable. Calls that take a while
// take a context.Context and end with its error once it is done.
//
// Threads: each call makes a C context of its own, which is small, and reads the error text from it. The text
// lives in the C context, not in a thread, so it does not matter that Go may move the goroutine to another
// thread between the call and the reading of the text, and there is no runtime.LockOSThread.
//
// Memory: what C keeps is C's. Options structs in Go memory hold no Go pointers (rows are arguments, and
// callbacks get a cell of C memory with a cgo.Handle), as the rules of cgo demand.
package flowmatch

/*
#cgo pkg-config: libflowmatch
#include <flowmatch.h>
#include <stdlib.h>

typedef const fm_progress const_progress;
int32_t flowmatchProgress(void *user, const_progress *progress); // callback.go
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/cgo"
	"unsafe"
)

// Status is a constant of flowmatch.h.
type Status int32

const (
	Invalid   Status = C.FM_E_INVALID
	NonFinite Status = C.FM_E_NONFINITE
	Callback  Status = C.FM_E_CALLBACK
	Stopped   Status = C.FM_STOPPED
)

func (s Status) String() string { return C.GoString(C.fm_status_name(C.fm_status(s))) }

// Error is why a call failed; the text names the argument, what was expected and what was found.
type Error struct {
	Status Status
	Text   string
}

func (e *Error) Error() string { return e.Status.String() + ": " + e.Text }

// call runs f on a C context of its own. Once ctx is done it stops f, whose error is then that of ctx.
func call(ctx context.Context, f func(c *C.fm_ctx) C.fm_status) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var c *C.fm_ctx
	if status := C.fm_ctx_create(nil, &c); status != C.FM_OK {
		return &Error{Status(status), "no context"}
	}
	// Handles may outlive the context that they were made with.
	defer C.fm_ctx_destroy(c)

	if ctx.Done() != nil {
		over, watched := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(watched)
			select {
			case <-ctx.Done():
				C.fm_ctx_stop(c) // safe from other threads
			case <-over:
			}
		}()
		defer func() { close(over); <-watched }() // before the context is destroyed
	}

	status := f(c)
	if status == C.FM_OK {
		return nil
	}
	if status == C.FM_STOPPED && ctx.Err() != nil {
		return ctx.Err()
	}
	return &Error{Status(status), C.GoString(C.fm_ctx_message(c))}
}

func invalid(format string, arguments ...any) error {
	return &Error{Invalid, fmt.Sprintf(format, arguments...)}
}

// floats is the C view of a slice, whose memory C uses during a call only.
func floats(x []float32) *C.float {
	if len(x) == 0 {
		return nil
	}
	return (*C.float)(&x[0])
}

// Data are training rows, copied to C memory.
type Data struct{ c *C.fm_data }

// NewData copies row-major rows of dim columns.
func NewData(rows []float32, dim int) (*Data, error) {
	if dim < 1 || len(rows)%dim != 0 {
		return nil, invalid("rows: %d entries are no rows of %d", len(rows), dim)
	}
	d := &Data{}
	err := call(context.Background(), func(c *C.fm_ctx) C.fm_status {
		n := C.size_t(len(rows) / dim)
		return C.fm_data_create(c, floats(rows), nil, nil, nil, nil, n, C.size_t(dim), 0, 0, nil, &d.c)
	})
	if err != nil {
		return nil, err
	}
	// Finalisers run in any order and on any thread: so may handles be destroyed.
	runtime.SetFinalizer(d, func(d *Data) { C.fm_data_destroy(d.c) })
	return d, nil
}

// Model is a trained flow.
type Model struct{ c *C.fm_model }

func newModel(ctx context.Context, f func(c *C.fm_ctx, out **C.fm_model) C.fm_status) (*Model, error) {
	m := &Model{}
	err := call(ctx, func(c *C.fm_ctx) C.fm_status { return f(c, &m.c) })
	if err != nil {
		C.fm_model_destroy(m.c) // fm_fit leaves one when it is stopped; NULL does nothing
		return nil, err
	}
	runtime.SetFinalizer(m, func(m *Model) { C.fm_model_destroy(m.c) })
	return m, nil
}

// FitOptions is what training may be told; 0 is the library's default in each.
type FitOptions struct {
	Width, Depth uint32
	Steps, Seed  uint64
	// Progress is called after every step, on the goroutine of Fit. An error ends the training and is
	// returned.
	Progress func(step uint64, loss float64) error
}

// Fit trains a model.
func Fit(ctx context.Context, data *Data, options FitOptions) (*Model, error) {
	w := &watcher{progress: options.Progress}
	handle := cgo.NewHandle(w)
	defer handle.Delete()
	cell := (*C.uintptr_t)(C.malloc(C.sizeof_uintptr_t))
	defer C.free(unsafe.Pointer(cell))
	*cell = C.uintptr_t(handle)

	var net C.fm_net_options
	C.fm_net_options_init(&net)
	net.width, net.depth = C.uint32_t(options.Width), C.uint32_t(options.Depth)
	var steps C.fm_optimizer_options
	C.fm_optimizer_options_init(&steps)
	steps.n_steps = C.uint64_t(options.Steps)
	var training C.fm_trainer_options
	C.fm_trainer_options_init(&training)
	training.seed = C.uint64_t(options.Seed)
	if options.Progress != nil {
		training.progress = C.fm_progress_fn(C.flowmatchProgress)
		training.progress_user = unsafe.Pointer(cell)
	}

	m, err := newModel(ctx, func(c *C.fm_ctx, out **C.fm_model) C.fm_status {
		var optimizer *C.fm_optimizer
		status := C.fm_optimizer_create(c, &steps, &optimizer)
		defer C.fm_optimizer_destroy(optimizer)
		if status != C.FM_OK {
			return status
		}
		return C.fm_fit(c, data.c, nil, nil, optimizer, &net, &training, out)
	})
	runtime.KeepAlive(data)
	if w.panicked != nil {
		panic(w.panicked)
	}
	var e *Error
	if errors.As(err, &e) && e.Status == Callback && w.err != nil {
		return nil, w.err
	}
	return m, err
}

// Load reads a model.
func Load(file string) (*Model, error) {
	name := C.CString(file)
	defer C.free(unsafe.Pointer(name))
	return newModel(context.Background(), func(c *C.fm_ctx, out **C.fm_model) C.fm_status {
		return C.fm_model_load(c, name, out)
	})
}

// Save writes the model to one safetensors file.
func (m *Model) Save(file string) error {
	name := C.CString(file)
	defer C.free(unsafe.Pointer(name))
	defer runtime.KeepAlive(m)
	return call(context.Background(), func(c *C.fm_ctx) C.fm_status { return C.fm_model_save(c, m.c, name) })
}

// Sample draws rows first to first+n of the endless table that seed names: the same bits however they are
// split over calls and goroutines.
func (m *Model) Sample(ctx context.Context, seed, first uint64, n int) ([]float32, error) {
	defer runtime.KeepAlive(m)
	if n < 0 {
		return nil, invalid("n: %d", n)
	}
	out := make([]float32, n*int(C.fm_net_dim(C.fm_model_net(m.c))))
	err := call(ctx, func(c *C.fm_ctx) C.fm_status {
		return C.fm_sample(c, m.c, C.uint64_t(seed), C.uint64_t(first), nil, nil, C.size_t(n), floats(out))
	})
	return out, err
}
