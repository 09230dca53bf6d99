package cloudflarefake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const base = "/client/v4/"

var route = regexp.MustCompile(`^` + base + `zones/([^/]*)/purge_cache$`)

// refusal is an error answer of the API.
type refusal struct {
	status  int
	code    int
	message string
	wait    float64 // seconds; 0: no Retry-After
}

// ServeHTTP answers as the API does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	sel, refused := s.check(r, body)
	place := s.arrived(Request{Method: r.Method, Path: r.URL.Path, Items: sel.items()})
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	purged := false
	defer func() { s.answered(place, rec.status, purged) }()
	if f := s.fault(); f != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		f(rec, r)
		return
	}
	if refused == nil {
		refused = s.spend(sel)
	}
	if refused != nil {
		refused.write(rec)
		return
	}
	purged = true
	Success(s.o.ZoneID)(rec, r)
}

type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status that is answered.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (e *refusal) write(w http.ResponseWriter) {
	if e.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.wait))))
	}
	Failure(e.status, e.code, e.message)(w, nil)
}

func (s *Server) spend(sel selectors) *refusal {
	if wait, ok := s.take(len(sel.Files)); !ok {
		return &refusal{http.StatusTooManyRequests, 10429, "Rate limit reached. Please wait if you need to perform more operations", wait}
	}
	return nil
}

// check returns what the request asks to purge, or why it is refused.
func (s *Server) check(r *http.Request, body []byte) (selectors, *refusal) {
	if e := s.checkRoute(r); e != nil {
		return selectors{}, e
	}
	sel, err := decode(body)
	if err != nil {
		return selectors{}, &refusal{400, 1012, err.Error(), 0}
	}
	return sel, s.checkItems(sel)
}

func (s *Server) checkRoute(r *http.Request) *refusal {
	m := route.FindStringSubmatch(r.URL.EscapedPath())
	if m == nil || r.URL.RawQuery != "" {
		return &refusal{404, 7000, "No route for that URI", 0}
	}
	if r.Method != http.MethodPost {
		return &refusal{405, 10405, r.Method + " method not allowed for this endpoint", 0}
	}
	if e := s.authorize(r.Header); e != nil {
		return e
	}
	if m[1] != s.o.ZoneID {
		return &refusal{404, 7003, "Could not route to " + r.URL.Path + ", perhaps your object identifier is invalid?", 0}
	}
	if mt, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mt != "application/json" {
		return &refusal{415, 10415, "Content-Type must be application/json", 0}
	}
	return nil
}

func (s *Server) authorize(h http.Header) *refusal {
	for _, name := range []string{"X-Auth-Key", "X-Auth-Email", "X-Auth-User-Service-Key"} {
		if h.Get(name) != "" {
			return &refusal{400, 6003, "Invalid request headers: " + name + " beside a token", 0}
		}
	}
	scheme, token, ok := strings.Cut(h.Get("Authorization"), " ")
	switch {
	case h.Get("Authorization") == "":
		return &refusal{400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers", 0}
	case !ok || scheme != "Bearer" || token == "":
		return &refusal{400, 6111, "Invalid format for Authorization header", 0}
	case token != s.o.Token:
		return &refusal{403, 10000, "Authentication error", 0}
	}
	return nil
}

// selectors is the body of a purge. Exactly one is set.
type selectors struct {
	Files           []file   `json:"files"`
	Tags            []string `json:"tags"`
	Hosts           []string `json:"hosts"`
	Prefixes        []string `json:"prefixes"`
	PurgeEverything *bool    `json:"purge_everything"`
}

// file is a URL, or an object with a URL and request headers.
type file struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
}

// UnmarshalJSON reads both forms.
func (f *file) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &f.URL); err == nil {
		return nil
	}
	type plain file
	return strict(b, (*plain)(f))
}

func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("more than one JSON value")
	}
	return nil
}

func decode(body []byte) (selectors, error) {
	var sel selectors
	if err := strict(body, &sel); err != nil {
		return sel, fmt.Errorf("malformed JSON in request body: %w", err)
	}
	set := 0
	for _, is := range []bool{sel.Files != nil, sel.Tags != nil, sel.Hosts != nil, sel.Prefixes != nil, sel.PurgeEverything != nil} {
		if is {
			set++
		}
	}
	if set != 1 || sel.PurgeEverything != nil && !*sel.PurgeEverything {
		return sel, fmt.Errorf(`Request must contain one of "purge_everything", "files", "tags", "hosts" or "prefixes"`)
	}
	return sel, nil
}

// items returns what is asked for, as Request.Items has it.
func (sel selectors) items() []string {
	var out []string
	for _, f := range sel.Files {
		if o := f.Headers["Origin"]; o != "" {
			f.URL += " from " + o
		}
		out = append(out, f.URL)
	}
	for kind, items := range map[string][]string{"tag": sel.Tags, "host": sel.Hosts, "prefix": sel.Prefixes} {
		for _, i := range items {
			out = append(out, kind+" "+i)
		}
	}
	if sel.PurgeEverything != nil {
		out = append(out, "everything")
	}
	return out
}

// checkItems refuses what is too much, malformed, or of another zone.
func (s *Server) checkItems(sel selectors) *refusal {
	most := s.o.MaxOperations
	if sel.Files != nil {
		most = s.o.MaxURLs
	}
	n := len(sel.items())
	switch {
	case n == 0:
		return &refusal{400, 1014, "the selector must be an array that is not empty", 0}
	case n > most:
		return &refusal{400, 1094, fmt.Sprintf("You may only purge %d items in one request", most), 0}
	}
	for _, f := range sel.Files {
		if e := s.checkURL(f); e != nil {
			return e
		}
	}
	for _, p := range sel.Prefixes {
		if e := s.checkPrefix(p); e != nil {
			return e
		}
	}
	for _, h := range sel.Hosts {
		if e := s.checkHost(h, h); e != nil {
			return e
		}
	}
	for _, tag := range sel.Tags {
		if len(tag) == 0 || len(tag) > 1024 || strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' }) {
			return &refusal{400, 1015, fmt.Sprintf("Unable to purge the tag '%s'", tag), 0}
		}
	}
	return nil
}

func (s *Server) checkURL(f file) *refusal {
	if problem := wrong(f.URL); problem != "" {
		return &refusal{400, 1015, fmt.Sprintf("Unable to purge '%s': %s", f.URL, problem), 0}
	}
	for name, value := range f.Headers {
		o, err := url.Parse(value)
		if name != "Origin" || err != nil || o.Scheme+"://"+o.Host != value {
			return &refusal{400, 1015, fmt.Sprintf("Unable to purge '%s' with the header %s: %s", f.URL, name, value), 0}
		}
	}
	u, _ := url.Parse(f.URL)
	return s.checkHost(u.Host, f.URL)
}

func (s *Server) checkPrefix(p string) *refusal {
	problem := wrong("https://" + p)
	switch {
	case strings.Contains(p, "://"):
		problem = "it has a scheme"
	case strings.Contains(p, "?"):
		problem = "it has a query"
	case strings.Count(p, "/") > 31:
		problem = "it has more than 31 path separators"
	}
	if problem != "" {
		return &refusal{400, 1015, fmt.Sprintf("Unable to purge the prefix '%s': %s", p, problem), 0}
	}
	host, _, _ := strings.Cut(p, "/")
	return s.checkHost(host, p)
}

func (s *Server) checkHost(host, what string) *refusal {
	if host == "" || strings.ContainsAny(host, "/:*") || host != strings.ToLower(host) {
		return &refusal{400, 1015, fmt.Sprintf("Unable to purge '%s': '%s' is no host", what, host), 0}
	}
	if len(s.o.Hosts) > 0 && !slices.Contains(s.o.Hosts, host) {
		return &refusal{400, 1082, fmt.Sprintf("Unable to purge '%s'. You can only purge files for this zone", what), 0}
	}
	return nil
}

// wrong returns what is wrong with a URL, or "".
func wrong(raw string) string {
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}*", r) }) {
		return "it is not percent-encoded"
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "it is not a URL"
	case u.Scheme != "http" && u.Scheme != "https":
		return "it has no scheme"
	case u.Host == "" || u.Host != strings.ToLower(u.Host):
		return "its host is missing or not in lower case"
	case u.User != nil || u.Fragment != "" || strings.Contains(raw, "#"):
		return "it has a user or a fragment"
	case u.Path == "":
		return "it has no path"
	}
	return ""
}
