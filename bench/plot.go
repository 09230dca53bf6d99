package bench

import (
	"fmt"
	"html"
	"strings"
)

// Measures of the plot, in pixels.
const (
	barHeight, barGap  = 14, 4
	groupGap           = 26
	labelWidth         = 120
	barsWidth          = 560
	plotWidth          = labelWidth + barsWidth + 90
	oursFill, peerFill = "#2f6f4f", "#b9c0c8"
)

// SVG returns a bar for the wall time of each tool at each step, of the largest
// site that was measured without delay. Each step has a scale of its own. A bar
// whose tool failed or left the bucket wrong is hatched.
func (r *Record) SVG() string {
	if len(r.Sites) == 0 {
		return ""
	}
	files := 0
	for _, s := range r.Sites {
		files = max(files, s.Files)
	}
	var body strings.Builder
	y := 24
	fmt.Fprintf(&body, `<text x="0" y="%d" font-weight="bold">Wall time, %s files, seconds</text>`+"\n", y-8, group(int64(files)))
	for _, step := range Steps {
		y = r.bars(&body, files, step, y+groupGap)
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">
<rect width="100%%" height="100%%" fill="#fff"/>
<defs><pattern id="wrong" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="#fff"/><rect width="3" height="6" fill="#c0392b"/></pattern></defs>
%s</svg>
`, plotWidth, y+8, body.String())
}

// bars draws one step below y and returns where it ends.
func (r *Record) bars(b *strings.Builder, files int, step string, y int) int {
	var samples []Sample
	longest := 0.0
	for _, tool := range r.tools(files, 0) {
		if s, ok := r.Median(Case{files, 0, tool, step}); ok {
			samples, longest = append(samples, s), max(longest, s.Wall)
		}
	}
	fmt.Fprintf(b, `<text x="0" y="%d" font-weight="bold">%s</text>`+"\n", y, step)
	y += barGap
	for _, s := range samples {
		width := 1.0
		if longest > 0 {
			width = max(1, s.Wall/longest*barsWidth)
		}
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, labelWidth-6, y+11, html.EscapeString(s.Tool))
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, labelWidth, y, width, barHeight, fillOf(s))
		fmt.Fprintf(b, `<text x="%.1f" y="%d">%s%s</text>`+"\n", labelWidth+width+5, y+11, seconds(s.Wall), remark(s))
		y += barHeight + barGap
	}
	return y
}

func fillOf(s Sample) string {
	switch {
	case s.Failed != "" || s.Wrong != nil:
		return "url(#wrong)"
	case s.Tool == Ours:
		return oursFill
	default:
		return peerFill
	}
}

func remark(s Sample) string {
	switch {
	case s.Failed != "":
		return ", failed"
	case s.Wrong != nil:
		return ", wrong result"
	default:
		return ""
	}
}
