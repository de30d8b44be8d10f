package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ecraudit/ecraudit/internal/cost"
	"github.com/ecraudit/ecraudit/internal/report"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// costReport is what is shown of a tally, in any format.
type costReport struct {
	*cost.Result
	by      cost.By
	at      time.Time
	gaps    []unreadGroup
	targets []snapshot.Target // that have repositories, sorted
	width   int               // of the terminal; 0 when unknown
}

func (r *costReport) write(format string, s streams) error {
	switch format {
	case "json":
		return r.writeJSON(s.out)
	case "csv":
		return r.writeCSV(s)
	default:
		return r.writeTable(s.out)
	}
}

// costDocument is the JSON report.
type costDocument struct {
	By         string        `json:"by"`
	Clock      time.Time     `json:"clock"`
	Currency   string        `json:"currency"`
	UnusedDays []int         `json:"unused_days"`
	Rows       []costRow     `json:"rows"`
	Others     *costRow      `json:"others,omitempty"` // what is in none of the rows
	Total      costRow       `json:"total"`
	Complete   bool          `json:"complete"`
	Gaps       []unreadGroup `json:"gaps"`
}

// costRow is a row for programs. What could not be read in full has null for
// its size and cost.
type costRow struct {
	Account            string   `json:"account,omitempty"`
	Region             string   `json:"region,omitempty"`
	Name               string   `json:"name"`
	Repositories       int      `json:"repositories"`
	UnreadRepositories int      `json:"unread_repositories"` // whose images could not be read
	Images             int      `json:"images"`
	Bytes              *int64   `json:"bytes"`
	MonthlyCost        *float64 `json:"monthly_cost"`
	LifecycleFrees     costPart `json:"lifecycle_frees"`
	Unused             costPart `json:"unused"`
}

// costPart is a part of a row, and how much more it may be.
type costPart struct {
	Bytes        int64   `json:"bytes"`
	MonthlyCost  float64 `json:"monthly_cost"`
	UnknownBytes int64   `json:"unknown_bytes"`
}

func newCostRow(r *cost.Row) costRow {
	row := costRow{
		Account: r.Account, Region: r.Region, Name: r.Name,
		Repositories: r.Repositories, UnreadRepositories: r.Unread, Images: r.Images,
		LifecycleFrees: newCostPart(r.Frees, r.UnknownFrees), Unused: newCostPart(r.Unused, r.UnknownUnused),
	}
	if r.Unread < r.Repositories || r.Repositories == 0 {
		bytes, monthly := r.All.Bytes(), millionths(r.All.Monthly())
		row.Bytes, row.MonthlyCost = &bytes, &monthly
	}
	return row
}

func newCostPart(known, unknown cost.Amount) costPart {
	return costPart{known.Bytes(), millionths(known.Monthly()), unknown.Bytes()}
}

func millionths(amount float64) float64 { return math.Round(amount*1e6) / 1e6 }

func (r *costReport) writeJSON(to io.Writer) error {
	d := costDocument{
		By: string(r.by), Clock: r.at, Currency: r.Currency, UnusedDays: r.UnusedDays, Rows: []costRow{},
		Total: newCostRow(&r.Total), Complete: len(r.gaps) == 0, Gaps: r.gaps,
	}
	if d.UnusedDays == nil {
		d.UnusedDays = []int{}
	}
	for _, row := range r.Rows {
		d.Rows = append(d.Rows, newCostRow(row))
	}
	if r.Others != nil {
		others := newCostRow(r.Others)
		d.Others = &others
	}
	d.Total.Name = "total"
	if d.Others != nil {
		d.Others.Name = r.othersName()
	}
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(d)
}

func (r *costReport) othersName() string { return fmt.Sprintf("(%d others)", r.OtherRows) }

// writeCSV writes the rows as RFC 4180 has it. They add up to the whole, so
// there is no row for the total. What could not be read goes to standard error.
func (r *costReport) writeCSV(s streams) error {
	w := csv.NewWriter(s.out)
	w.UseCRLF = true
	key := []string{string(r.by)}
	if r.by == cost.ByRepository {
		key = []string{"account", "region", "repository"}
	}
	if err := w.Write(append(defused(key), "repositories", "unread_repositories", "images", "currency", "bytes", "monthly_cost",
		"lifecycle_frees_bytes", "lifecycle_frees_monthly_cost", "lifecycle_unknown_bytes",
		"unused_bytes", "unused_monthly_cost", "unused_unknown_bytes")); err != nil {
		return err
	}
	rows := r.Rows
	if r.Others != nil {
		others := *r.Others
		others.Name = r.othersName()
		rows = append(rows, &others)
	}
	for _, row := range rows {
		if err := w.Write(r.csvRow(newCostRow(row))); err != nil {
			return err
		}
	}
	w.Flush()
	for _, gap := range r.gaps {
		messagesOf(s.err).warn("not known: "+gap.String(), aboutGap(gap.Gap)...)
	}
	return w.Error()
}

func (r *costReport) csvRow(row costRow) []string {
	key := []string{row.Name}
	if r.by == cost.ByRepository {
		key = []string{row.Account, row.Region, row.Name}
	}
	bytes, monthly := "", ""
	if row.Bytes != nil {
		bytes, monthly = strconv.FormatInt(*row.Bytes, 10), decimal(*row.MonthlyCost)
	}
	cells := append(defused(key), strconv.Itoa(row.Repositories), strconv.Itoa(row.UnreadRepositories), strconv.Itoa(row.Images))
	cells = append(cells, defused([]string{r.Currency})...)
	cells = append(cells, bytes, monthly)
	for _, part := range []costPart{row.LifecycleFrees, row.Unused} {
		cells = append(cells, strconv.FormatInt(part.Bytes, 10), decimal(part.MonthlyCost), strconv.FormatInt(part.UnknownBytes, 10))
	}
	return cells
}

func decimal(amount float64) string { return strconv.FormatFloat(amount, 'f', -1, 64) }

// defused returns foreign text that neither a terminal obeys nor a spreadsheet
// takes for a formula: what begins as one (OWASP, "CSV Injection") gets an
// apostrophe before.
func defused(cells []string) []string {
	safe := make([]string, len(cells))
	for i, cell := range cells {
		safe[i] = report.Printable(cell)
		if start := strings.TrimLeft(safe[i], " \u00a0\"'"); start != "" && strings.ContainsAny(firstCharacter(start), "=+-@|%＝＋－＠") {
			safe[i] = "'" + safe[i]
		}
	}
	return safe
}

func firstCharacter(text string) string {
	_, size := utf8.DecodeRuneInString(text)
	return text[:size]
}
