package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// tree is an object as JSON.
type tree = map[string]any

// apiServer is an API server in one map: versions that only grow, writes that
// conflict, watches that resume or answer 410, rights, and outages. What it does
// not know, it refuses.
type apiServer struct {
	t  *testing.T
	ns string

	mu       sync.Mutex
	version  int64
	oldest   int64                      // watches from before are expired
	objects  map[string]map[string]tree // by resource, by name
	past     []happening
	news     chan struct{}   // closed with every change
	denied   map[string]bool // "patch pods/status"
	fails    int             // HTTP status of every answer; 0: works
	frozen   chan struct{}   // closed when it goes on; nil: not frozen
	requests []string        // "patch pods/status", in order
	deletes  []metav1.DeleteOptions
	rules    []byte                      // answer to a rules review
	hook     func(verb, resource string) // called before a request is carried out
}

// happening is one event of a watch.
type happening struct {
	version  int64
	resource string
	kind     string
	object   tree
}

func newAPIServer(t *testing.T) *apiServer {
	return &apiServer{t: t, ns: "ns", version: 100, objects: map[string]map[string]tree{}, news: make(chan struct{}), denied: map[string]bool{}}
}

// kinds are those it knows.
var kinds = map[string]struct{ api, kind, group string }{
	"configmaps": {"v1", "ConfigMap", ""}, "pods": {"v1", "Pod", ""}, "events": {"v1", "Event", ""},
	"leases": {"coordination.k8s.io/v1", "Lease", "coordination.k8s.io"},
}

// ServeHTTP answers one request.
func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if strings.HasSuffix(r.URL.Path, "/selfsubjectrulesreviews") {
		s.review(w)
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	i := slices.Index(parts, "namespaces")
	if i < 0 || len(parts) < i+3 || parts[i+1] != s.ns {
		s.t.Errorf("request for %s; want one for namespace %s", r.URL.Path, s.ns)
		w.WriteHeader(http.StatusNotFound)
		return
	}
	resource, name := parts[i+2], ""
	if len(parts) > i+3 {
		name = parts[i+3]
	}
	full := strings.Join(append([]string{resource}, parts[min(i+4, len(parts)):]...), "/")
	verb := verbOf(r, name)
	if stop := s.enter(w, r, verb, full, name); stop {
		return
	}
	switch verb {
	case "watch":
		s.watch(w, r, resource)
	case "list":
		s.list(w, resource, r.URL.Query())
	case "get":
		s.mu.Lock()
		o, ok := s.objects[resource][name]
		s.mu.Unlock()
		if !ok {
			refuse(w, apierrors.NewNotFound(group(resource), name))
			return
		}
		reply(w, http.StatusOK, o)
	case "delete":
		s.remove(w, resource, name, body)
	default:
		s.write(w, r, verb, full, name, body)
	}
}

func verbOf(r *http.Request, name string) string {
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("watch") != "":
		return "watch"
	case r.Method == http.MethodGet && name == "":
		return "list"
	}
	return map[string]string{"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[r.Method]
}

// enter keeps the books and says whether the request ends here.
func (s *apiServer) enter(w http.ResponseWriter, r *http.Request, verb, resource, name string) bool {
	s.mu.Lock()
	s.requests = append(s.requests, verb+" "+resource)
	denied, fails, frozen, hook := s.denied[verb+" "+resource], s.fails, s.frozen, s.hook
	s.mu.Unlock()
	if frozen != nil {
		select {
		case <-frozen:
		case <-r.Context().Done():
			return true
		}
	}
	if hook != nil {
		hook(verb, resource)
	}
	switch {
	case fails != 0:
		refuse(w, apierrors.NewGenericServerResponse(fails, verb, group(resource), name, "etcd is away", 0, true))
	case denied:
		refuse(w, apierrors.NewForbidden(group(resource), name, fmt.Errorf(
			"User %q cannot %s resource %q in API group %q in the namespace %q", "system:serviceaccount:ns:c", verb, resource, group(resource).Group, s.ns)))
	default:
		return false
	}
	return true
}

func group(resource string) schema.GroupResource {
	base, _, _ := strings.Cut(resource, "/")
	return schema.GroupResource{Group: kinds[base].group, Resource: base}
}

func reply(w http.ResponseWriter, code int, o any) {
	raw, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(raw)
}

func refuse(w http.ResponseWriter, err *apierrors.StatusError) {
	status := err.Status()
	status.Kind, status.APIVersion = "Status", "v1"
	reply(w, int(status.Code), status)
}

func meta(o tree) tree {
	m, ok := o["metadata"].(tree)
	if !ok {
		m = tree{}
		o["metadata"] = m
	}
	return m
}

func text(m tree, key string) string {
	s, _ := m[key].(string)
	return s
}

// store makes o the newest version of its object and returns it. s.mu is held.
func (s *apiServer) store(resource string, o tree) tree {
	s.version++
	m := meta(o)
	m["resourceVersion"] = strconv.FormatInt(s.version, 10)
	m["namespace"] = s.ns
	o["kind"], o["apiVersion"] = kinds[resource].kind, kinds[resource].api
	name, kind := text(m, "name"), "MODIFIED"
	if s.objects[resource] == nil {
		s.objects[resource] = map[string]tree{}
	}
	if _, there := s.objects[resource][name]; !there {
		kind = "ADDED"
		if text(m, "uid") == "" {
			m["uid"] = fmt.Sprintf("uid-%d", s.version)
		}
		m["creationTimestamp"] = metav1.Now()
	}
	s.objects[resource][name] = o
	s.tell(happening{s.version, resource, kind, o})
	return o
}

func (s *apiServer) tell(c happening) {
	s.past = append(s.past, c)
	close(s.news)
	s.news = make(chan struct{})
}

// put writes an object as somebody else would, and returns its version.
func (s *apiServer) put(resource string, o any) string {
	raw, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	var f tree
	if err := json.Unmarshal(raw, &f); err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return text(meta(s.store(resource, f)), "resourceVersion")
}

// take deletes an object as somebody else would.
func (s *apiServer) take(resource, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[resource][name]
	if !ok {
		return
	}
	delete(s.objects[resource], name)
	s.version++
	o = clone(o)
	meta(o)["resourceVersion"] = strconv.FormatInt(s.version, 10)
	s.tell(happening{s.version, resource, "DELETED", o})
}

// object reads one into o, and reports whether it is there.
func (s *apiServer) object(resource, name string, o any) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.objects[resource][name]
	if !ok {
		return false
	}
	raw, err := json.Marshal(f)
	if err == nil {
		err = json.Unmarshal(raw, o)
	}
	if err != nil {
		panic(err)
	}
	return true
}

func clone(o tree) tree {
	raw, err := json.Marshal(o)
	var c tree
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		panic(err)
	}
	return c
}

func (s *apiServer) write(w http.ResponseWriter, r *http.Request, verb, full, name string, body []byte) {
	resource, _, _ := strings.Cut(full, "/")
	var sent tree
	if err := json.Unmarshal(body, &sent); err != nil {
		s.t.Errorf("%s %s: the body is no JSON object: %v", verb, full, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if verb == "create" {
		name = text(meta(sent), "name")
	}
	old, there := s.objects[resource][name]
	switch {
	case verb == "create" && there:
		refuse(w, apierrors.NewAlreadyExists(group(resource), name))
		return
	case verb != "create" && !there:
		refuse(w, apierrors.NewNotFound(group(resource), name))
		return
	}
	next := sent
	if verb == "patch" {
		var err error
		if next, err = patched(r.Header.Get("Content-Type"), resource, old, body); err != nil {
			s.t.Errorf("patch %s: %v", full, err)
			return
		}
	}
	if there {
		was, now := meta(old), meta(next)
		if v := text(now, "resourceVersion"); v != "" && v != text(was, "resourceVersion") {
			refuse(w, apierrors.NewConflict(group(resource), name, errors.New("the object has been modified; please apply your changes to the latest version and try again")))
			return
		}
		if u := text(now, "uid"); u != "" && u != text(was, "uid") {
			refuse(w, apierrors.NewConflict(group(resource), name, errors.New("Precondition failed: UID in precondition")))
			return
		}
		now["uid"] = was["uid"]
	}
	code := http.StatusOK
	if verb == "create" {
		code = http.StatusCreated
	}
	reply(w, code, s.store(resource, next))
}

// patched applies a patch as the API server does.
func patched(kind, resource string, old tree, patch []byte) (tree, error) {
	raw, err := json.Marshal(old)
	if err != nil {
		return nil, err
	}
	var next tree
	switch {
	case strings.Contains(kind, "strategic-merge-patch"):
		like := map[string]any{"pods": corev1.Pod{}, "events": corev1.Event{}}[resource]
		if raw, err = strategicpatch.StrategicMergePatch(raw, patch, like); err != nil {
			return nil, err
		}
		err = json.Unmarshal(raw, &next)
	case strings.Contains(kind, "merge-patch"):
		var p tree
		if err = json.Unmarshal(patch, &p); err == nil {
			next = merge(clone(old), p)
		}
	default:
		err = fmt.Errorf("content type %q is not known", kind)
	}
	return next, err
}

// merge is RFC 7386.
func merge(o, patch tree) tree {
	if o == nil {
		o = tree{}
	}
	for k, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(o, k)
		case tree:
			sub, _ := o[k].(tree)
			o[k] = merge(sub, v)
		default:
			o[k] = v
		}
	}
	return o
}

func (s *apiServer) remove(w http.ResponseWriter, resource, name string, body []byte) {
	var o metav1.DeleteOptions
	if err := json.Unmarshal(body, &o); err != nil {
		s.t.Errorf("delete %s: %v", resource, err)
	}
	s.mu.Lock()
	s.deletes = append(s.deletes, o)
	old, there := s.objects[resource][name]
	uid := text(meta(orEmpty(old)), "uid")
	s.mu.Unlock()
	switch {
	case !there:
		refuse(w, apierrors.NewNotFound(group(resource), name))
	case o.Preconditions != nil && o.Preconditions.UID != nil && string(*o.Preconditions.UID) != uid:
		refuse(w, apierrors.NewConflict(group(resource), name, errors.New("Precondition failed: UID in precondition")))
	default:
		s.take(resource, name)
		reply(w, http.StatusOK, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Success"})
	}
}

func orEmpty(o tree) tree {
	if o == nil {
		return tree{}
	}
	return o
}

// matches reports whether o is asked for.
func matches(o tree, q url.Values) bool {
	m := meta(o)
	if f := q.Get("fieldSelector"); f != "" && f != "metadata.name="+text(m, "name") {
		return false
	}
	selector, err := labels.Parse(q.Get("labelSelector"))
	if err != nil {
		return false
	}
	set := labels.Set{}
	if l, ok := m["labels"].(tree); ok {
		for k := range l {
			set[k] = text(l, k)
		}
	}
	return selector.Matches(set)
}

func (s *apiServer) list(w http.ResponseWriter, resource string, q url.Values) {
	s.mu.Lock()
	items := []tree{}
	for _, name := range slices.Sorted(maps.Keys(s.objects[resource])) {
		if o := s.objects[resource][name]; matches(o, q) {
			items = append(items, o)
		}
	}
	k := kinds[resource]
	list := tree{
		"kind": k.kind + "List", "apiVersion": k.api, "items": items,
		"metadata": tree{"resourceVersion": strconv.FormatInt(s.version, 10)},
	}
	s.mu.Unlock()
	reply(w, http.StatusOK, list)
}

// watch tells what happened since a version until the client goes or the time it
// asked for is over.
func (s *apiServer) watch(w http.ResponseWriter, r *http.Request, resource string) {
	q := r.URL.Query()
	seen, err := strconv.ParseInt(q.Get("resourceVersion"), 10, 64)
	if err != nil {
		s.t.Errorf("watch of %s from version %q; want one that was listed", resource, q.Get("resourceVersion"))
		return
	}
	limit, _ := strconv.Atoi(q.Get("timeoutSeconds"))
	over := time.NewTimer(time.Duration(max(limit, 1)) * time.Second)
	defer over.Stop()
	s.mu.Lock()
	expired := seen < s.oldest
	s.mu.Unlock()
	if expired {
		refuse(w, apierrors.NewResourceExpired("too old resource version"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	for out.Flush() == nil {
		s.mu.Lock()
		news, frozen := s.news, s.frozen
		var fresh []happening
		for _, c := range s.past {
			if c.version > seen && c.resource == resource && matches(c.object, q) {
				fresh = append(fresh, c)
			}
		}
		s.mu.Unlock()
		if frozen != nil {
			fresh = nil
			news = frozen
		}
		for _, c := range fresh {
			seen = c.version
			raw, err := json.Marshal(tree{"type": c.kind, "object": c.object})
			if err != nil {
				panic(err)
			}
			if _, err := w.Write(append(raw, '\n')); err != nil {
				return
			}
		}
		if len(fresh) > 0 {
			continue
		}
		select {
		case <-news:
		case <-r.Context().Done():
			return
		case <-over.C:
			return
		}
	}
}

func (s *apiServer) review(w http.ResponseWriter) {
	s.mu.Lock()
	rules := s.rules
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(rules)
}
