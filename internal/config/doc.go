// Package config is pandastack.json: its types, defaults, the merging of
// layers that it is given, checks that say where, and the JSON Schema. It is
// pure: it reads no file, no environment and no clock.
//
// A caller makes one Layer from each place that may hold values and resolves
// them. Every function reports all problems that it sees as Errors, each with
// its place.
//
//	flags, err := config.FromFlags(given)          // map of Setting.Name to what the user gave
//	inputs, err := config.FromInputs(os.Getenv)    // INPUT_*, in an Action only
//	vars, err := config.FromVariables(os.Getenv)   // PANDASTACK_*, CLOUDFLARE_API_TOKEN, …
//	name, _, _ := config.Find("config", flags, inputs, vars)
//	file, err := config.Parse(name, data)          // nil where there is no file
//	res, err := config.Resolve(config.Options{Flags: flags, Inputs: inputs, Variables: vars, File: file})
//	res.Config.OutputDir                           // "dist"
//	res.Origin("outputDir")                        // pandastack.json:3:3
//	res.Switch("dry-run")                          // settings that are not part of the file
//	res.Secret("cloudflare-api-token").Reveal()
//	res.Error("storage.bucket", "…", "…")          // a later problem, at the value's place
//
// The table of Settings is where flags, inputs, variables, the documentation
// and action.yml agree.
package config
