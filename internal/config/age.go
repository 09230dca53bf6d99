package config

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// inDays is a time with a number of days before the units of
// time.ParseDuration.
var inDays = regexp.MustCompile(`^([0-9]{1,5})d(.*)$`)

// mostAge bounds an age, far below what a time.Duration holds.
const mostAge = 99999 * 24 * time.Hour

// ParseAge reads a time of 0 or more, in days, such as 30d, in the units of
// time.ParseDuration, or in both: 1d12h. The error says nothing that the text
// does not.
func ParseAge(text string) (time.Duration, error) {
	var days time.Duration
	if m := inDays.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1]) // the pattern leaves no error
		days, text = time.Duration(n)*24*time.Hour, cmp.Or(m[2], "0")
	}
	d, err := time.ParseDuration(text)
	if err == nil && (d < 0 || d > mostAge-days) {
		err = errTooLarge
	}
	return days + d, err
}

func checkAge(v string) *problem {
	if _, err := ParseAge(v); err != nil {
		return &problem{msg: fmt.Sprintf("is %q, which is not a time", v), hint: `Write a number with a unit, for example "30d" or "12h", or "0".`}
	}
	return nil
}
