package dashboard

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func ask(t *testing.T, o Options, at string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := Handler(o)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, at, nil))
	return w
}

// all returns every file of the page by its name.
func all(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(files, "files", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(files, p)
		found[path.Base(p)] = string(raw)
		return err
	})
	if err != nil || len(found) < 4 {
		t.Fatalf("%d files, %v", len(found), err)
	}
	return found
}

func TestPageIsSmall(t *testing.T) {
	size := 0
	for _, text := range all(t) {
		size += len(text)
	}
	t.Logf("%d bytes in all", size)
	if size > 150<<10 {
		t.Errorf("%d bytes in all; want 150 KiB at most", size)
	}
}

func TestEveryFileIsServedAndUsed(t *testing.T) {
	found := all(t)
	text := ""
	for _, in := range found {
		text += in
	}
	for name := range found {
		if name == "index.html" {
			continue
		}
		w := ask(t, Options{}, "/dashboard/"+name)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") == "" || w.Body.String() != found[name] {
			t.Errorf("%s: %d, %q", name, w.Code, w.Header().Get("Content-Type"))
		}
		if !strings.Contains(text, "dashboard/"+name) && !strings.Contains(text, "./"+name) {
			t.Errorf("nothing uses %s", name)
		}
	}
	for _, at := range []string{"/dashboard/none.js", "/dashboard/index.html", "/dashboard/page.go"} {
		if w := ask(t, Options{}, at); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", at, w.Code)
		}
	}
}

// Nothing comes from elsewhere, and nothing runs but the scripts that are here.
func TestNothingForeignAndNothingInline(t *testing.T) {
	policy := ask(t, Options{}, "/").Header().Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, "http") {
		t.Errorf("policy %q", policy)
	}
	elsewhere := regexp.MustCompile(`(?:https?:)?//[a-z0-9.-]+\.[a-z]+`)
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script(?:[^>]*)>[^<]`)
	markup := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\b|new Function|setHTML|srcdoc`)
	for name, text := range all(t) {
		for _, url := range elsewhere.FindAllString(text, -1) {
			if url != "http://www.w3.org" { // the name of SVG's namespace; nothing is fetched
				t.Errorf("%s refers to %s", name, url)
			}
		}
		if path.Ext(name) == ".html" && inline.MatchString(text) {
			t.Errorf("%s has %q inline", name, inline.FindString(text))
		}
		if markup.MatchString(text) {
			t.Errorf("%s makes markup of text: %s", name, markup.FindString(text))
		}
	}
}

func TestNamesOfTheClusterAreText(t *testing.T) {
	body := ask(t, Options{Namespace: `"><script>`, ConfigMap: "it's"}, "/").Body.String()
	if strings.Contains(body, `"><script>"`) || !strings.Contains(body, `data-namespace="&#34;&gt;&lt;script&gt;"`) || !strings.Contains(body, `data-configmap="it&#39;s"`) {
		t.Errorf("names are not escaped:\n%s", body)
	}
}

// Everything the script writes into is in the page, once.
func TestScriptsKnowThePage(t *testing.T) {
	found := all(t)
	var there []string
	for _, m := range regexp.MustCompile(`\sid="([^"]+)"`).FindAllStringSubmatch(found["index.html"], -1) {
		if slices.Contains(there, m[1]) {
			t.Errorf("id %s is there twice", m[1])
		}
		there = append(there, m[1])
	}
	used := 0
	for name, text := range found {
		for _, m := range regexp.MustCompile(`\b(?:at|say|redraw|keep)\("([^"]+)"`).FindAllStringSubmatch(text, -1) {
			used++
			if !slices.Contains(there, m[1]) {
				t.Errorf("%s writes into %s, which is not there", name, m[1])
			}
		}
	}
	if used < 15 {
		t.Errorf("only %d places are written into: has the way to do it another name?", used)
	}
}
