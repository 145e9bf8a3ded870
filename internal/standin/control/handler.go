package control

import (
	"encoding/json"
	"fmt"
	"net/http"

	"memgraph-controller/internal/standin/faults"
)

// maxBody bounds what a request may send.
const maxBody = 1 << 20

// NewHandler returns the handler of the control port.
func NewHandler(t Target) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		// A client that has gone needs no answer.
		_ = json.NewEncoder(w).Encode(t.State())
	})
	mux.HandleFunc("PUT /faults", func(w http.ResponseWriter, r *http.Request) {
		var f Faults
		if decode(w, r, &f) {
			finish(w, t.SetFaults(f))
		}
	})
	mux.HandleFunc("PUT /links/{link}", func(w http.ResponseWriter, r *http.Request) {
		var f faults.Fault
		if decode(w, r, &f) {
			finish(w, t.SetLink(Link(r.PathValue("link")), r.URL.Query().Get("peer"), f))
		}
	})
	mux.HandleFunc("PUT /crash/{point}", func(w http.ResponseWriter, r *http.Request) {
		f := t.State().Faults
		f.CrashAt = Point(r.PathValue("point"))
		finish(w, t.SetFaults(f))
	})
	mux.HandleFunc("POST /heal", func(w http.ResponseWriter, _ *http.Request) { finish(w, t.SetFaults(Faults{})) })
	mux.HandleFunc("POST /power-loss", func(w http.ResponseWriter, r *http.Request) {
		t.PowerLoss(r.Context())
		finish(w, nil)
	})
	mux.HandleFunc("POST /kill", func(w http.ResponseWriter, _ *http.Request) {
		t.Kill()
		finish(w, nil)
	})
	return mux
}

// decode reads the body, or answers that it makes no sense.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		http.Error(w, fmt.Sprintf("decode request: %v", err), http.StatusBadRequest)
		return false
	}
	return true
}

func finish(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
