package cli

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/pandastack-io/pandastack/internal/event"
	"github.com/pandastack-io/pandastack/internal/report"
)

// outputs are the outputs of a step, in the order in which action.yml lists
// them.
var outputs = []struct{ name, help string }{
	{"release-id", "the id of the release that is live now; empty where that is not known"},
	{"url", "the URL at which visitors see the site, where siteUrl is set"},
	{"changed", "whether a new release was made, true or false"},
	{"created", "how many files are new"},
	{"updated", "how many files have other bytes or headers"},
	{"deleted", "how many files were removed"},
	{"bytes-uploaded", "how many bytes of files were uploaded"},
	{"requests", "how many requests the storage got"},
	{"purged-urls", "how many URLs the CDNs were told to forget"},
	{"duration", "how long it took, in seconds"},
	{"superseded", "whether a newer deploy, or a rollback of this version, was here first, true or false; the step is green then, and nothing was published"},
	{"report", "the file that the input report named, relative to the workspace"},
}

// setOutputs sets the outputs of the step.
func (a *app) setOutputs(rec report.Record) error {
	if a.actions == nil {
		return nil
	}
	values := a.outputs(rec)
	for _, o := range outputs {
		if err := a.actions.SetOutput(o.name, values[o.name]); err != nil {
			return err
		}
	}
	return nil
}

// outputs returns the values of the outputs. What a dry run would do counts as
// done, but for the release that it does not make.
func (a *app) outputs(rec report.Record) map[string]string {
	did := deeds(rec)
	var requests int64
	for _, n := range rec.Requests {
		requests += n
	}
	return map[string]string{
		"release-id": did.Release, "url": rec.URL, "changed": strconv.FormatBool(did.Changed),
		"created": strconv.Itoa(did.Created), "updated": strconv.Itoa(did.Updated + did.Headers), "deleted": strconv.Itoa(did.Deleted),
		"bytes-uploaded": strconv.FormatInt(did.BytesUploaded, 10), "requests": strconv.FormatInt(requests, 10),
		"purged-urls": strconv.Itoa(did.PurgedURLs), "duration": seconds(rec.Elapsed),
		"superseded": strconv.FormatBool(rec.Result == report.Superseded), "report": a.reportOutput(),
	}
}

// deeds is what a run did, or as a dry run would do.
func deeds(rec report.Record) event.Finished {
	switch p := rec.Planned; {
	case rec.Finished != nil:
		return *rec.Finished
	case p != nil && rec.DryRun:
		return event.Finished{
			Release: p.Live, Created: p.Created, Updated: p.Updated, Headers: p.Headers, Deleted: p.Deleted,
			BytesUploaded: p.UploadBytes, PurgedURLs: p.PurgeURLs,
		}
	case rec.Collected != nil:
		return event.Finished{Release: rec.Collected.Live, PurgedURLs: rec.Collected.PurgedURLs}
	case rec.Verified != nil:
		return event.Finished{Release: rec.Verified.Live}
	}
	return event.Finished{}
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) }

// reportOutput returns the report's name for later steps: relative to the
// workspace, which a container sees elsewhere.
func (a *app) reportOutput() string {
	workspace := a.Getenv("GITHUB_WORKSPACE")
	if a.reportFile == "" || workspace == "" {
		return a.reportFile
	}
	if rel, err := filepath.Rel(workspace, a.reportFile); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return a.reportFile
}
