package dashboard

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
)

//go:embed files
var files embed.FS

// Options say how one asks for something here.
type Options struct {
	Namespace string // of the record's ConfigMap
	ConfigMap string // the record's; empty: requests are typed at the sandbox
}

// policy lets the page use what this server has, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// types of the files; by their names alone, not by what a machine has installed.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// Handler returns the page at / and its parts below /dashboard/.
func Handler(o Options) (http.Handler, error) {
	parts, err := fs.Sub(files, "files")
	if err != nil {
		return nil, fmt.Errorf("read the dashboard: %w", err)
	}
	page, err := template.ParseFS(parts, "index.html")
	if err != nil {
		return nil, fmt.Errorf("read the dashboard: %w", err)
	}
	var index bytes.Buffer
	if err := page.Execute(&index, o); err != nil {
		return nil, fmt.Errorf("write the dashboard's page: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, body := "index.html", index.Bytes()
		if r.URL.Path != "/" {
			var err error
			name = path.Base(r.URL.Path)
			if body, err = fs.ReadFile(parts, name); err != nil || name == "index.html" {
				http.NotFound(w, r)
				return
			}
		}
		h := w.Header()
		h.Set("Content-Type", types[path.Ext(name)])
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache") // a replica of another version has another page
		_, _ = w.Write(body)               // the reader may have gone
	}), nil
}
