package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"cutover/cmd/internal/app"
	"cutover/cmd/internal/show"
	"cutover/gitops/estate"
	"cutover/reconciler/journal"
	"cutover/reconciler/record"
)

func historyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show what the daemon did, and why",
		Long: `Prints the daemon's journal, oldest first: each effect with its reason and its result, each marker
that counted with who merged and who approved it, each refusal, and who approved each test. An effect
without a result was under way when the daemon ended: the world shows what became of it. It reads the
state directory on this machine, beside a running daemon or without one.

With -o json it is the evidence of a migration or of one of its phases, with a digest over all of it,
which others can compute again:
  jq -cj '.digest = ""' FILE | sha256sum`,
		Example: `  cutover history --migration eks --since 24h
  cutover history --migration eks --phase canary -o json > canary.json`,
		Args: argsOrBadInput(noArgs),
	}
	out := outputFlag(cmd)
	config := configFlag(cmd)
	state := cmd.Flags().String("state", "", "the daemon's state `directory`, in the place of the configuration's")
	_ = cmd.MarkFlagDirname("state")
	migration := cmd.Flags().String("migration", "", "only of the migration of this `name`")
	phase := cmd.Flags().String("phase", "", "only while the marker stood at this `phase`")
	since := cmd.Flags().Duration("since", 0, "only what is not older than this `span`, such as 24h")
	limit := cmd.Flags().IntP("number", "n", 0, "only the newest `n` entries; 0 for all")
	var phases []string
	for _, p := range estate.Phases() {
		phases = append(phases, p.String())
	}
	_ = cmd.RegisterFlagCompletionFunc("phase", cobra.FixedCompletions(phases, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		filter, err := historyFilter(*migration, *phase, *since, *limit, time.Now())
		if err != nil {
			return badInput(err)
		}
		dir := *state
		if dir != "" && cmd.Flags().Changed("config") {
			return badInput(seeHelp(cmd, errors.New("--config and --state name one directory: give one of them")))
		}
		if dir == "" {
			c, err := app.Load(*config)
			if err != nil {
				return badInput(err)
			}
			dir = c.State
		}
		r, err := journal.OpenReader(cmd.Context(), app.JournalFile(dir))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		entries, err := r.Entries(cmd.Context(), filter)
		if err != nil {
			return err
		}
		if *out == asText {
			printHistory(cmd.OutOrStdout(), entries)
			return nil
		}
		bundle, err := bundleOf(filter, entries)
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), bundle)
	}
	return cmd
}

func historyFilter(migration, phase string, since time.Duration, limit int, now time.Time) (f record.Filter, err error) {
	if migration != "" {
		if f.Migration, err = estate.ParseMigrationName(migration); err != nil {
			return f, fmt.Errorf("--migration: %w", err)
		}
	}
	if phase != "" {
		if f.Phase, err = estate.ParsePhase(phase); err != nil {
			return f, fmt.Errorf("--phase: %w", err)
		}
	}
	if since < 0 || limit < 0 {
		return f, errors.New("--since and -n cannot be negative")
	}
	if since > 0 {
		f.Since = now.Add(-since)
	}
	f.Limit = limit
	return f, nil
}

// evidenceBundle is the journal of a phase for whoever audits it.
type evidenceBundle struct {
	Migration string `json:"migration,omitempty"`
	Phase     string `json:"phase,omitempty"`
	// Since and Limit say that older entries were left out.
	Since time.Time `json:"since,omitzero"`
	Limit int       `json:"limit,omitempty"`
	// Markers are the markers that counted; their reasons say who merged and who approved them.
	Markers  []record.Entry `json:"markers"`
	Entries  []record.Entry `json:"entries"` // runs, actions and observations
	Refusals []record.Entry `json:"refusals"`
	// Digest is that of the bundle as compact JSON with an empty digest.
	Digest digest.Digest `json:"digest"`
}

func bundleOf(f record.Filter, entries []record.Entry) (evidenceBundle, error) {
	b := evidenceBundle{
		Migration: f.Migration.String(), Phase: f.Phase.String(), Since: f.Since, Limit: f.Limit,
		Markers: []record.Entry{}, Entries: []record.Entry{}, Refusals: []record.Entry{},
	}
	for _, e := range entries {
		switch e.Kind {
		case record.Marker:
			b.Markers = append(b.Markers, e)
		case record.Refusal:
			b.Refusals = append(b.Refusals, e)
		default:
			b.Entries = append(b.Entries, e)
		}
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b); err != nil {
		return b, err
	}
	b.Digest = digest.FromBytes(bytes.TrimSpace(text.Bytes()))
	return b, nil
}

func printHistory(w io.Writer, entries []record.Entry) {
	if len(entries) == 0 {
		fmt.Fprintln(w, "the journal has nothing of it")
		return
	}
	t := show.NewTable(w)
	t.Row("TIME", "MIGRATION", "MARKER", "STEP", "WHAT", "TARGET", "OUTCOME", "TOOK", "REASON")
	for _, e := range entries {
		what, step := e.Verb, ""
		if e.Kind != record.Action {
			what = string(e.Kind)
		}
		if e.Step > 0 {
			step = strconv.Itoa(e.Step)
		}
		t.Row(e.At.UTC().Format(show.TimeFormat), e.Migration.String(), e.Marker.String(), step, what, e.Target, outcomeOf(e), tookOf(e), reasonOf(e))
	}
	t.Flush()
}

func outcomeOf(e record.Entry) string {
	if e.Kind == record.Action && e.Outcome == "" {
		return "unknown: look at the world"
	}
	return string(e.Outcome)
}

func tookOf(e record.Entry) string {
	if e.Ended.IsZero() {
		return ""
	}
	return e.Ended.Sub(e.At).Round(time.Millisecond).String()
}

func reasonOf(e record.Entry) string {
	if e.Error == "" {
		return e.Reason
	}
	return e.Reason + "; error: " + e.Error
}
