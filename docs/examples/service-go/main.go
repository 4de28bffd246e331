// A service that synthesises rows of a table: GET /rows?seed=1&first=0&n=10 answers with n lines of CSV.
//
//	service [-listen ADDRESS]    serves
//	service -check               serves itself, and exits with 1 unless all answers are right
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	dim     = 2
	maxRows = 1000000
	workers = 4
)

// A ring of radius 5 around (20, -10): what the service learns when it starts. Yours would load a model.
func ring() []float32 {
	rows := make([]float32, 2*2000)
	for i := 0; i < len(rows)/2; i++ {
		rows[2*i] = float32(20 + 5*math.Cos(float64(i)))
		rows[2*i+1] = float32(-10 + 5*math.Sin(float64(i)))
	}
	return rows
}

func number(r *http.Request, name string) uint64 {
	value, _ := strconv.ParseUint(r.URL.Query().Get(name), 10, 64)
	return value
}

func serve(flow *Flow) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/rows", func(w http.ResponseWriter, r *http.Request) {
		n := number(r, "n")
		if n < 1 || n > maxRows {
			http.Error(w, fmt.Sprintf("n: expected 1 to %d", maxRows), http.StatusBadRequest)
			return
		}
		rows, err := flow.Draw(r.Context(), number(r, "seed"), number(r, "first"), int(n))
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable) // nobody reads it if the client left
			return
		}
		out := bufio.NewWriter(w)
		defer out.Flush()
		for i := 0; i < len(rows); i += dim {
			fmt.Fprintf(out, "%g,%g\n", rows[i], rows[i+1])
		}
	})
	return mux
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// check asks the service at address from many goroutines, and leaves while it answers.
func check(address string) error {
	base := "http://" + address + "/rows?seed=7"
	whole, err := get(context.Background(), base+"&n=64")
	if err != nil {
		return err
	}
	pieces := make([]string, 16)
	var wait sync.WaitGroup
	for i := range pieces {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			pieces[i], _ = get(context.Background(), fmt.Sprintf("%s&first=%d&n=4", base, 4*i))
		}(i)
	}
	wait.Wait()
	joined := ""
	for _, piece := range pieces {
		joined += piece
	}
	if joined != whole || whole == "" {
		return fmt.Errorf("pieces from %d goroutines are not the whole", len(pieces))
	}

	// As many clients as there are workers leave: every worker must be free again long before it would be done.
	began := time.Now()
	for i := 0; i < workers; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			get(ctx, fmt.Sprintf("%s&n=%d", base, maxRows))
		}()
	}
	wait.Wait()
	after, err := get(context.Background(), base+"&n=64")
	if err != nil || after != whole {
		return fmt.Errorf("after clients have left, rows are others: %v", err)
	}
	fmt.Printf("%d goroutines drew the same rows; %d clients left and the next was answered %.2f s after they came\n",
		len(pieces), workers, time.Since(began).Seconds())
	if time.Since(began) > 10*time.Second {
		return fmt.Errorf("draws went on for clients that had left")
	}
	return nil
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "where to listen")
	checks := flag.Bool("check", false, "ask yourself and exit")
	flag.Parse()
	if *checks {
		*listen = "127.0.0.1:0"
	}
	flow, err := NewFlow(ring(), dim, 500, workers)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if !*checks {
		fmt.Println("listening on", listener.Addr())
		err = http.Serve(listener, serve(flow))
	} else {
		go http.Serve(listener, serve(flow))
		err = check(listener.Addr().String())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
