package report

import (
	"cmp"
	"fmt"

	"github.com/schollz/progressbar/v3"

	"github.com/pandastack-io/pandastack/internal/event"
)

// bar is the progress bar of one phase at a time.
//
// It is drawn by schollz/progressbar and not by vbauerster/mpb, because the
// former draws in the caller: when clear returns, the line is free, and a
// result may go to standard output, which is often the same terminal. With
// mpb a goroutine draws, and only what is written through it stays whole.
type bar struct {
	console Console
	drawn   *progressbar.ProgressBar // nil: none
	phase   event.Phase
	bytes   bool  // it counts bytes, not things
	total   int64 // bytes or things
	visible bool
}

func newBar(c Console) *bar { return &bar{console: c} }

// Columns of a bar.
const (
	barWidest  = 30
	barStats   = 50 // what stands around the bar: percent, amounts, rate
	barLabel   = 22 // "upload 1200 of 2400"
	wideEnough = barLabel + barStats + 5
)

// update shows how far the phase is. A total of the bytes or things must be
// known. Of two phases that run at once, the first keeps the bar.
func (b *bar) update(p event.Progress) {
	bytes := p.TotalBytes > 0
	done, total := int64(p.Done), int64(p.Total)
	if bytes {
		done, total = p.Bytes, p.TotalBytes
	}
	if b.busy() && b.phase != p.Phase {
		return
	}
	if !b.busy() && done < total || b.phase != p.Phase || b.bytes != bytes {
		b.clear()
		b.phase, b.bytes, b.total = p.Phase, bytes, total
		b.drawn = b.make(total)
	}
	if b.drawn == nil {
		return // done before it was ever shown
	}
	if b.total != total {
		b.total = total
		b.drawn.ChangeMax64(total)
	}
	b.drawn.Describe(b.label(p))
	_ = b.drawn.Set64(min(done, total))
	b.visible = true
}

// label is what stands before the bar. Where bytes are shown the number of
// files is here.
func (b *bar) label(p event.Progress) string {
	s := string(p.Phase)
	if b.bytes && p.Total > 0 && b.width() >= wideEnough {
		s = fmt.Sprintf("%s %s", s, amount(p))
	}
	return b.console.paint(cyan, fit(s, barLabel)) + " "
}

func (b *bar) width() int { return cmp.Or(b.console.width(), defaultWidth) }

// make returns a bar that fits the terminal: on a narrow one without amounts.
func (b *bar) make(total int64) *progressbar.ProgressBar {
	options := []progressbar.Option{
		progressbar.OptionSetWriter(b.console.W),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(frame),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "━", SaucerHead: "━", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}),
	}
	if w := b.width(); w >= wideEnough {
		options = append(options, progressbar.OptionSetWidth(min(w-barLabel-barStats, barWidest)),
			progressbar.OptionShowCount(), progressbar.OptionShowBytes(b.bytes))
	} else {
		options = append(options, progressbar.OptionSetWidth(max(w-barLabel-12, 3)))
	}
	return progressbar.NewOptions64(total, options...)
}

// clear takes the bar off the screen; redraw brings it back.
func (b *bar) clear() {
	if b.visible {
		fmt.Fprint(b.console.W, clearLine)
		b.visible = false
	}
}

// busy reports whether there is a bar that is not full.
func (b *bar) busy() bool { return b.drawn != nil && !b.drawn.IsFinished() }

// redraw shows the bar again and reports whether there is one.
func (b *bar) redraw() bool {
	if !b.busy() {
		return false
	}
	_ = b.drawn.RenderBlank()
	b.visible = true
	return true
}

// drop forgets the bar, when its phase is done.
func (b *bar) drop() {
	b.clear()
	b.drawn, b.phase = nil, ""
}
