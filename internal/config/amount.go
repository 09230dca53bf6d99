package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// Amount is a number of files, or a share of them.
type Amount struct {
	// N counts files, or percent where Percent is set.
	N       int
	Percent bool
}

// String returns the amount as the file has it: 20 or 50%.
func (a Amount) String() string {
	if a.Percent {
		return Percent(a.N).String()
	}
	return strconv.Itoa(a.N)
}

// UnmarshalJSON reads a number, or a percentage as a string.
func (a *Amount) UnmarshalJSON(data []byte) error {
	if !inQuotes(data) {
		var n int
		err := json.Unmarshal(data, &n)
		*a = Amount{N: n}
		return err
	}
	var p Percent
	if err := p.UnmarshalJSON(data); err != nil {
		return err
	}
	*a = Amount{N: int(p), Percent: true}
	return nil
}

// Percent is a whole percentage from 0 to 100.
type Percent int

// String returns the percentage as the file has it: 50%.
func (p Percent) String() string { return strconv.Itoa(int(p)) + "%" }

// UnmarshalJSON reads a percentage as a string.
func (p *Percent) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	if !percentage.MatchString(s) {
		return fmt.Errorf("%q is not a percentage", s)
	}
	n, err := strconv.Atoi(strings.TrimSuffix(s, "%"))
	*p = Percent(n)
	return err
}

// Size is a number of bytes.
type Size int64

// UnmarshalJSON reads a number of bytes, or a size in words.
func (s *Size) UnmarshalJSON(data []byte) error {
	if !inQuotes(data) {
		var n int64
		err := json.Unmarshal(data, &n)
		*s = Size(n)
		return err
	}
	var words string
	if err := json.Unmarshal(data, &words); err != nil {
		return err
	}
	n, err := parseSize(words)
	*s = Size(n)
	return err
}

func inQuotes(data []byte) bool { return len(data) > 0 && data[0] == '"' }

// How percentages and sizes are written. The JSON Schema has the same patterns.
// The units are those of decimal (SI) and binary (IEC 80000-13) multiples.
var (
	percentage  = regexp.MustCompile(`^(100|[0-9]{1,2})%$`)
	sizeInWords = regexp.MustCompile(`^[0-9]+(\.[0-9]+)? ?([kKmMgGtT][iI]?)?[bB]?$`)
)

var errTooLarge = errors.New("too large")

func parseSize(words string) (int64, error) {
	if !sizeInWords.MatchString(words) {
		return 0, fmt.Errorf("%q is not a size", words)
	}
	n, err := humanize.ParseBytes(words)
	if err != nil || n > math.MaxInt64 { // the pattern leaves no other error
		return 0, errTooLarge
	}
	return int64(n), nil
}

func checkPercent(v string) *problem {
	if percentage.MatchString(v) {
		return nil
	}
	return &problem{msg: fmt.Sprintf("is %q, which is not a percentage", v), hint: `Write one from "0%" to "100%", without a fraction.`}
}

func checkAmount(v string) *problem {
	if percentage.MatchString(v) {
		return nil
	}
	return &problem{
		msg:  fmt.Sprintf("is %q, which is neither a count nor a percentage", v),
		hint: `Write a count without quotes, for example 20, or a percentage from "0%" to "100%".`,
	}
}

func checkSize(v string) *problem {
	switch _, err := parseSize(v); {
	case err == nil:
		return nil
	case errors.Is(err, errTooLarge):
		return tooLarge(math.MaxInt64)
	default:
		return &problem{msg: fmt.Sprintf("is %q, which is not a size", v), hint: `Write it for example as "25MB" or "1 GiB", or as a number of bytes.`}
	}
}

func tooLarge(most int64) *problem {
	return &problem{msg: "is too large", hint: fmt.Sprintf("The most is %d.", most)}
}

// parseNumber returns the value of a number of the file, or says what is wrong
// with it.
func parseNumber(literal string, most int64) (int64, *problem) {
	n, err := strconv.ParseInt(literal, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		return 0, &problem{msg: fmt.Sprintf("must be a whole number, not %.20s", literal), hint: "Write it in digits alone, for example 10."}
	case strings.HasPrefix(literal, "-") && n != 0:
		return 0, &problem{msg: "must not be negative", hint: "Write 0 or more."}
	case err != nil || n > most:
		return 0, tooLarge(most)
	}
	return n, nil
}
