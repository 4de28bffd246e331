package flowmatch

// A file that exports to C may only declare, not define, in its preamble.

/*
#include <flowmatch.h>
#include <stdint.h>

typedef const fm_progress const_progress;
*/
import "C"

import (
	"runtime/cgo"
	"unsafe"
)

// watcher is what a callback finds behind its user pointer.
type watcher struct {
	progress func(step uint64, loss float64) error
	err      error
	panicked any
}

// flowmatchProgress is the C callback. Nothing may unwind through C: a panic is kept, and goes on after the
// call.
//
//export flowmatchProgress
func flowmatchProgress(user unsafe.Pointer, progress *C.const_progress) (answer C.int32_t) {
	w := cgo.Handle(*(*C.uintptr_t)(user)).Value().(*watcher)
	defer func() {
		if w.panicked = recover(); w.panicked != nil {
			answer = -1
		}
	}()
	if w.err = w.progress(uint64(progress.step), float64(progress.loss)); w.err != nil {
		return 1
	}
	return 0
}
