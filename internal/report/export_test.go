package report

// What tests of other packages' pages need that are shown by the same browser.
var (
	VisitPage = visitPage
	Windows   = windows
	WeakTexts = weakTexts
)

func (v *visit) Open(hash string)                 { v.t.Helper(); v.open(hash) }
func (v *visit) Size(width, height int64)         { v.t.Helper(); v.size(width, height) }
func (v *visit) Colors(scheme string)             { v.t.Helper(); v.colors(scheme) }
func (v *visit) Check()                           { v.t.Helper(); v.check() }
func (v *visit) Text(selector string) string      { v.t.Helper(); return v.text(selector) }
func (v *visit) Count(selector string) int        { v.t.Helper(); return v.count(selector) }
func (v *visit) Texts(expression string) []string { v.t.Helper(); return eval[[]string](v, expression) }
func (v *visit) Number(expression string) int64   { v.t.Helper(); return eval[int64](v, expression) }

func (v *visit) Media(medium string) {
	v.t.Helper()
	v.media(medium)
}
