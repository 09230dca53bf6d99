package cloudflarefake

import (
	"encoding/json"
	"net/http"
)

// Success answers as to a purge that was accepted.
func Success(zone string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, true, nil, map[string]string{"id": zone})
	}
}

// Failure answers with success false and one error. The status may be 200, as
// it sometimes is.
func Failure(status, code int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		answer(w, status, false, []any{map[string]any{"code": code, "message": message}}, nil)
	}
}

// RetryAfter answers 429 and asks to wait: seconds, or an HTTP date.
func RetryAfter(value string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", value)
		Failure(http.StatusTooManyRequests, 10429, "Rate limit reached")(w, r)
	}
}

// Page answers with an HTML page, as a proxy in between does.
func Page(status int, html string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(html))
	}
}

// Stall answers nothing until the client gives up.
func Stall(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func answer(w http.ResponseWriter, status int, success bool, errs []any, result any) {
	if errs == nil {
		errs = []any{}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"success": success, "errors": errs, "messages": []any{}, "result": result,
	})
}
