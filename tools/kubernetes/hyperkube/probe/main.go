// Command probe is the program in the pods of the lab's own check: a small HTTP
// server that tells who it is and looks at the network from where it stands.
//
//	GET /               its host name
//	GET /fetch?url=URL  the body that URL answers within a second; 502 if it does not
//	GET /lookup?name=N  the addresses of a name, separated by spaces; 502 if there are none
//	GET /files/NAME     a file of -data; PUT writes it
//
// It is for the lab alone: it fetches whatever it is asked to.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience bounds every look at the network.
const patience = time.Second

func main() {
	listen := flag.String("listen", ":8080", "`address` to serve on")
	data := flag.String("data", "/data", "`directory` of the files")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	server := &http.Server{Addr: *listen, Handler: handler(*data), ReadHeaderTimeout: patience}
	unhook := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer unhook()
	if err := server.ListenAndServe(); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func handler(data string) http.Handler {
	mux := http.NewServeMux()
	// One connection a request: what is asked is whether a new one can be made.
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		name, err := os.Hostname()
		answer(w, name, err)
	})
	mux.HandleFunc("GET /fetch", func(w http.ResponseWriter, r *http.Request) {
		body, err := fetch(r.Context(), client, r.FormValue("url"))
		answer(w, body, err)
	})
	mux.HandleFunc("GET /lookup", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		addresses, err := net.DefaultResolver.LookupHost(ctx, r.FormValue("name"))
		answer(w, strings.Join(addresses, " "), err)
	})
	mux.HandleFunc("GET /files/{name}", func(w http.ResponseWriter, r *http.Request) {
		content, err := os.ReadFile(filepath.Join(data, filepath.Base(r.PathValue("name"))))
		answer(w, string(content), err)
	})
	mux.HandleFunc("PUT /files/{name}", func(w http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err == nil {
			err = os.WriteFile(filepath.Join(data, filepath.Base(r.PathValue("name"))), content, 0o644)
		}
		answer(w, "written", err)
	})
	return mux
}

func answer(w http.ResponseWriter, body string, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	_, _ = io.WriteString(w, body)
}

func fetch(ctx context.Context, client *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}
