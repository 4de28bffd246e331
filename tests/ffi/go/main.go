// A program in Go that embeds the library: learns the points of a ring, saves and loads the model, draws from
// two goroutines that share it, cancels trainings from a callback and by a context, and reads the texts of
// errors.
//
//	go build -o caller . && ./caller ring.safetensors
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"time"

	"example.org/ring/flowmatch"
)

const n, dim = 512, 2

var background = context.Background()
var options = flowmatch.FitOptions{Width: 32, Depth: 2, Steps: 400, Seed: 1}

func expect(holds bool, format string, arguments ...any) {
	if !holds {
		log.Fatalf("expected: "+format, arguments...)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// makeRing is a ring of radius 1 around (10, 0).
func makeRing() []float32 {
	var rows []float32
	for i := 0.0; i < n; i++ {
		rows = append(rows, float32(10+math.Cos(i)), float32(math.Sin(i)))
	}
	return rows
}

func isRing(rows []float32) bool {
	var centre, radius float64
	for i := 0; i < n; i++ {
		x, y := float64(rows[dim*i]), float64(rows[dim*i+1])
		centre += x / n
		radius += math.Hypot(x-10, y) / n
	}
	fmt.Printf("centre %.2f, radius %.2f\n", centre, radius)
	return math.Abs(centre-10) < 0.2 && math.Abs(radius-1) < 0.2
}

// drawByTwo draws half of the rows in each of two goroutines, which share the model.
func drawByTwo(model *flowmatch.Model) []float32 {
	var halves [2][]float32
	var both sync.WaitGroup
	for i := range halves {
		i := i
		both.Add(1)
		go func() {
			defer both.Done()
			halves[i] = must(model.Sample(background, 42, uint64(i*n/2), n/2))
		}()
	}
	both.Wait()
	return append(halves[0], halves[1]...)
}

func cancel(data *flowmatch.Data) {
	// By an error from the callback.
	enough := errors.New("enough")
	watched, last := options, uint64(0)
	watched.Progress = func(step uint64, loss float64) error {
		if last = step; step == 20 {
			return enough
		}
		return nil
	}
	_, err := flowmatch.Fit(background, data, watched)
	fmt.Println("cancelled:", err)
	expect(errors.Is(err, enough) && last == 20, "an end after 20 steps, found %v after %d", err, last)

	// By a context, in a training that has no end of its own and no callback.
	endless := options
	endless.Steps = 1 << 40
	ctx, done := context.WithTimeout(background, 50*time.Millisecond)
	defer done()
	_, err = flowmatch.Fit(ctx, data, endless)
	fmt.Println("cancelled:", err)
	expect(errors.Is(err, context.DeadlineExceeded), "the context's error, found %v", err)

	// By a panic, which passes the library unharmed.
	defer func() { expect(recover() == "panicked", "the callback's panic") }()
	watched.Progress = func(uint64, float64) error { panic("panicked") }
	flowmatch.Fit(background, data, watched)
}

// readErrors has many goroutines fail at once, each in its own way, while Go moves them from thread to
// thread.
func readErrors() {
	var all sync.WaitGroup
	for g := 0; g < 16; g++ {
		g := g
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < 20; i++ {
				rows := makeRing()
				row := 16*i + g
				rows[dim*row+1] = float32(math.NaN())
				runtime.Gosched()
				_, err := flowmatch.NewData(rows, dim)
				var e *flowmatch.Error
				expect(errors.As(err, &e) && e.Status == flowmatch.NonFinite, "a refusal, found %v", err)
				where := fmt.Sprintf("row %d, column 1", row)
				expect(strings.Contains(e.Text, where), "a text that names %s, found %s", where, e.Text)
				if i == 0 && g == 1 {
					fmt.Println("refused:", err)
				}
			}
		}()
	}
	all.Wait()
}

func main() {
	file := "ring.safetensors"
	if len(os.Args) > 1 {
		file = os.Args[1]
	}
	data := must(flowmatch.NewData(makeRing(), dim))
	if err := must(flowmatch.Fit(background, data, options)).Save(file); err != nil {
		log.Fatal(err)
	}
	model := must(flowmatch.Load(file))
	byOne := must(model.Sample(background, 42, 0, n))
	expect(isRing(byOne), "a ring")
	expect(reflect.DeepEqual(byOne, drawByTwo(model)), "the same bits from two goroutines")
	cancel(data)
	readErrors()
	runtime.GC() // finalisers destroy handles meanwhile
}
