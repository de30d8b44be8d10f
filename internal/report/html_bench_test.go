package report

import (
	"fmt"
	"testing"
)

const benchmarkedFindings = 20_000

// BenchmarkHTMLOpen is how long Chromium takes from the address of a report to
// its list of findings on the screen.
func BenchmarkHTMLOpen(b *testing.B) {
	for _, n := range []int{benchmarkedFindings, htmlMaxFindings} {
		page := written(b, "html", long(n), Options{})
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := visitPage(b, page)
			total := 0.0
			for b.Loop() {
				v.open("#/findings")
				if v.count(".row.finding") == 0 {
					b.Fatal("no finding is shown")
				}
				total += eval[float64](v, "shownAfter")
			}
			b.ReportMetric(total/float64(b.N), "ms/open")
			b.ReportMetric(float64(len(page))/(1<<20), "MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkHTMLFilter is how long it takes from a change of the filters to the
// list on the screen: on average, and the slowest of a round; and how long the
// page does not react at most in a round.
func BenchmarkHTMLFilter(b *testing.B) {
	page := written(b, "html", long(benchmarkedFindings), Options{})
	v := visitPage(b, page)
	v.open("#/findings")
	for _, c := range [][2]string{
		{"keystroke", `for (const text of ["p", "pa", "par", "part", "partn", "partner 1", "partner 12", "partner 123", "role"]) await timed(() => input("search", text)); await timed(() => input("search", ""));`},
		{"toggle", `for (const name of ["critical", "high", "critical", "high"]) await timed(() => document.querySelector(".toggle." + name).click());`},
		{"group", `for (const by of ["rule", "repository", "account", ""]) await timed(() => choose("group", by));`},
		{"sort", `for (const by of ["place", "message", "rule", ""]) await timed(() => choose("sort", by));`},
	} {
		b.Run(c[0], func(b *testing.B) {
			mean, worst, busy := 0.0, 0.0, 0.0
			for b.Loop() {
				times := eval[[]float64](v, measured(c[1]))
				mean += times[0]
				worst += times[1]
				busy += times[2]
			}
			b.ReportMetric(mean/float64(b.N), "ms/change")
			b.ReportMetric(worst/float64(b.N), "ms-slowest")
			b.ReportMetric(busy/float64(b.N), "ms-busy")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// measured runs changes and returns how long they took on average and at most,
// and the longest time that the page was busy without a pause.
func measured(changes string) string {
	return `(async () => {
		const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
		const input = (id, text) => { const one = document.getElementById(id); one.value = text; one.dispatchEvent(new Event("input")); };
		const choose = (id, value) => { const one = document.getElementById(id); one.value = value; one.dispatchEvent(new Event("change")); };
		let busy = 0;
		const watch = new PerformanceObserver((list) => { for (const task of list.getEntries()) busy = Math.max(busy, task.duration); });
		watch.observe({ entryTypes: ["longtask"] });
		const times = [];
		const timed = async (change) => {
			await frame();
			const from = performance.now();
			change();
			await frame();
			times.push(performance.now() - from);
		};
		` + changes + `
		await frame();
		watch.disconnect();
		return [times.reduce((sum, one) => sum + one, 0) / times.length, Math.max(...times), busy];
	})()`
}
