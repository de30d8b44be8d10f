package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"

	"github.com/ecraudit/ecraudit/internal/finding"
)

// ownRule is a rule that denies every repository, with more METADATA below custom
// and another body of its message.
func ownRule(id string, custom ...string) string {
	more := ""
	for _, line := range custom {
		more += "#   " + line + "\n"
	}
	return "# METADATA\n# title: Own rule\n# custom:\n#   id: " + id + "\n#   severity: low\n#   scope: repository\n" + more +
		"package ecraudit.rules." + strings.ReplaceAll(id, "-", "_") + "\n\ndeny contains {\"message\": sprintf(\"seen %s\", [input.repository.name])}\n"
}

// signer is a key pair, of which the public part lies in a file.
type signer struct{ private, algorithm, public string }

func (w *world) signer(name string) signer {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	w.write(name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})))
	return signer{filepath.Join(w.dir, name+".key"), "ES256", name + ".pem"}
}

// opaBuild makes a bundle of files as opa build -b does, signed where there is a
// signer.
func (w *world) opaBuild(name string, files map[string]string, by *signer) {
	w.t.Helper()
	folder := w.t.TempDir()
	for file, text := range files {
		path := filepath.Join(folder, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	w.t.Chdir(folder)
	var out bytes.Buffer
	compiler := compile.New().WithAsBundle(true).WithPaths(".").WithOutput(&out)
	if by != nil {
		compiler = compiler.WithBundleVerificationKeyID("k").WithBundleSigningConfig(bundle.NewSigningConfig(by.private, by.algorithm, ""))
	}
	if err := compiler.Build(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Chdir(w.dir)
	w.write(name, out.String())
}

// tarOf packs files as tar czf does, in the order of their names.
func tarOf(t *testing.T, files map[string]string) string {
	t.Helper()
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	tape := tar.NewWriter(zip)
	for _, name := range names {
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])), Typeflag: tar.TypeReg}
		if target, link := strings.CutPrefix(files[name], "-> "); link {
			header = &tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeSymlink}
		}
		if err := tape.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(tape, files[name]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tape.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

// repacked is a bundle with changes: of files that are "", nothing is left.
func (w *world) repacked(name string, changes map[string]string) string {
	w.t.Helper()
	packed, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		w.t.Fatal(err)
	}
	files := map[string]string{}
	for tape := tar.NewReader(unzipped); ; {
		header, err := tape.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			w.t.Fatal(err)
		}
		text, err := io.ReadAll(tape)
		if err != nil {
			w.t.Fatal(err)
		}
		files[header.Name] = string(text)
	}
	for file, text := range changes {
		if files[file] = text; text == "" {
			delete(files, file)
		}
	}
	return tarOf(w.t, files)
}

// rulesOf are the rules with that source, and what is said of it.
func (w *world) rulesOf(source, flags string) (ids []string, said string) {
	w.t.Helper()
	r := w.run("rules --format json --rules " + source + flags)
	if r.code != 0 {
		w.t.Fatalf("%s: %s", source, r.err)
	}
	var listed []finding.Rule
	if err := json.Unmarshal([]byte(r.out), &listed); err != nil {
		w.t.Fatal(err)
	}
	for _, rule := range listed {
		if rule.Source == source {
			ids = append(ids, rule.ID)
		}
	}
	return ids, r.err
}

func (w *world) refuses(line string, want ...string) {
	w.t.Helper()
	r := w.run(line)
	for _, text := range want {
		if r.code != exitError || !strings.Contains(r.err, text) {
			w.t.Errorf("%s ended with %d and said\n%swhich has no\n%s", line, r.code, r.err, text)
		}
	}
}

// A bundle is read as OPA does, with its libraries and data, and recorded.
func TestRulesOfBundle(t *testing.T) {
	w := demoWorld(t)
	w.opaBuild("platform.tar.gz", map[string]string{
		"rules/own.rego": strings.Replace(ownRule("own"), "deny contains", "import data.acme.naming\n\ndeny contains", 1) +
			"\nunknown contains {\"message\": sprintf(\"%s of %s\", [naming.kind, data.acme.owner])}\n",
		"lib/naming.rego":     "package acme.naming\n\nkind := \"service\"\n",
		"acme/data.json":      `{"owner": "platform"}`,
		"rules/own_test.rego": "package ecraudit.rules.own_test\n\ntest_nothing if true\n",
	}, nil)
	d := w.audit("--rules platform.tar.gz" + orgFlags)
	if got := d.findings("own", "access/public"); !slices.Equal(got, []string{"fail: seen access/public", "unknown: service of platform"}) {
		t.Errorf("%q", got)
	}
	if len(d.Run.RuleSources) != 1 {
		t.Fatalf("%+v", d.Run.RuleSources)
	}
	source := d.Run.RuleSources[0]
	if source.Reference != "platform.tar.gz" || source.Kind != finding.FromBundle || source.Signature != finding.Unsigned || !slices.Equal(source.Rules, []string{"own"}) {
		t.Errorf("%+v", source)
	}
	packed, err := os.ReadFile("platform.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	if source.Digest != digestText(packed) {
		t.Errorf("%s is not the digest of the bundle", source.Digest)
	}
	if ids, _ := w.rulesOf("platform.tar.gz//rules", ""); !slices.Equal(ids, []string{"own"}) {
		t.Errorf("%q", ids)
	}
	if r := w.run("rules --rules platform.tar.gz"); !strings.Contains(r.out, "platform.tar.gz: bundle "+source.Digest+", unsigned\n") {
		t.Error(r.out)
	}
}

// What is wrong with a bundle is said with its place.
func TestBadBundles(t *testing.T) {
	w := demoWorld(t)
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"leads out", map[string]string{"../own.rego": ownRule("own")}, `bad.tar.gz: the name "../own.rego" leads out of the bundle`},
		{"a link", map[string]string{"own.rego": "-> /etc/passwd"}, `bad.tar.gz: "own.rego" is a link or a device: a bundle has files only`},
		{"no rule", map[string]string{"data.json": "{}"}, "there is no rule in bad.tar.gz"},
		{"no Rego", map[string]string{"rules/own.rego": "package\n"}, "bad.tar.gz//rules/own.rego:2: "},
		{"outside its roots", map[string]string{".manifest": `{"roots": ["acme"]}`, "own.rego": ownRule("own")}, "manifest roots [acme] do not permit 'package ecraudit.rules.own' in module"},
		{"compiled", map[string]string{"policy.wasm": "\x00asm", "own.rego": ownRule("own")}, "compiled to WebAssembly or a plan: build it without --target"},
		{"a delta", map[string]string{"patch.json": `{"data": []}`}, "a delta bundle changes another one: give a whole bundle"},
		{"data where rules are", map[string]string{"ecraudit/data.json": `{"x": 1}`, "own.rego": ownRule("own")}, `its data stands below "ecraudit", where the rules are`},
		{"large", map[string]string{"own.rego": ownRule("own"), "large.bin": strings.Repeat("\x00", 65<<20)}, "what it unpacks to is larger than 64 MiB"},
		{"of a newer contract", map[string]string{".manifest": `{"metadata": {"ecraudit": {"contract": 2}}}`, "own.rego": ownRule("own")},
			"bad.tar.gz: its manifest says that the rules are written for version 2 of the contract for rules, and this ecraudit knows version 1: upgrade ecraudit"},
		{"of another manifest", map[string]string{".manifest": `{"metadata": {"ecraudit": {"contrakt": 2}}}`, "own.rego": ownRule("own")}, `.manifest: metadata.ecraudit: json: unknown field "contrakt"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.write("bad.tar.gz", tarOf(t, c.files))
			w.refuses("rules --rules bad.tar.gz", c.want)
		})
	}
	w.write("bad.tar.gz", "no archive")
	w.refuses("rules --rules bad.tar.gz", "bad.tar.gz: not a gzipped tar")
	w.refuses("rules --rules none.tar.gz", "none.tar.gz: no such file or directory; give the path of a bundle, as opa build makes it")
	w.write("good.tar.gz", tarOf(t, map[string]string{"rules/own.rego": ownRule("own")}))
	w.refuses("rules --rules good.tar.gz//ruls", "there is no ruls in good.tar.gz: it has rules/own.rego")
}

// Where a key is configured, only what it signed is read.
func TestBundleSignatures(t *testing.T) {
	w := demoWorld(t)
	platform, other := w.signer("platform"), w.signer("other")
	files := map[string]string{"own.rego": ownRule("own")}
	w.opaBuild("signed.tar.gz", files, &platform)
	w.opaBuild("unsigned.tar.gz", files, nil)
	w.opaBuild("others.tar.gz", files, &other)
	w.write("secret.txt", "a secret that is long enough for everybody")
	w.opaBuild("secret.tar.gz", files, &signer{private: filepath.Join(w.dir, "secret.txt"), algorithm: "HS256"})
	w.write("changed.tar.gz", w.repacked("signed.tar.gz", map[string]string{"/own.rego": ownRule("own") + "\n# changed\n"}))
	w.write("added.tar.gz", w.repacked("signed.tar.gz", map[string]string{"/more.rego": ownRule("more")}))
	w.write("removed.tar.gz", w.repacked("signed.tar.gz", map[string]string{"/own.rego": ""}))

	if _, said := w.rulesOf("signed.tar.gz", " --rules-key platform.pem"); said != "" {
		t.Errorf("said of what is verified: %s", said)
	}
	if r := w.run("rules --rules signed.tar.gz --rules-key other.pem,platform.pem"); !strings.Contains(r.out, "signature verified by platform.pem (sha256:") {
		t.Error(r.out, r.err)
	}
	if _, said := w.rulesOf("signed.tar.gz", ""); !strings.Contains(said, "signed.tar.gz is signed, but its signature was not verified: name the public key with --rules-key") {
		t.Errorf("said of what is not verified: %q", said)
	}
	for changed, want := range map[string]string{
		"unsigned.tar.gz": "unsigned.tar.gz: it is not signed, and rules must be signed with platform.pem (sha256:",
		"others.tar.gz":   "others.tar.gz: its signature is not valid: platform.pem (sha256:",
		"changed.tar.gz":  "changed.tar.gz: it is not as it was when platform.pem (sha256:",
		"added.tar.gz":    "added.tar.gz: it is not as it was when platform.pem (sha256:",
		"removed.tar.gz":  "removed.tar.gz: it is not as it was when platform.pem (sha256:",
	} {
		w.refuses("audit --rules "+changed+" --rules-key platform.pem"+orgFlags, want)
	}
	w.refuses("rules --rules secret.tar.gz --rules-key platform.pem,other.pem", "secret.tar.gz: it is signed with HS256, a shared secret", "have it signed with a private key")
	if r := w.run("rules --rules secret.tar.gz --rules-key platform.pem"); strings.Contains(r.err, "the key that it is signed with") {
		t.Errorf("a key is asked for that would not be taken: %s", r.err)
	}
	w.write("ecraudit.yaml", "rule_paths: [others.tar.gz]\nrule_keys: [platform.pem]\n")
	w.refuses("rules", "others.tar.gz: its signature is not valid", "ecraudit.yaml:1:14: rule_paths[0]: others.tar.gz: ")
	w.write("ecraudit.yaml", "rule_paths: [signed.tar.gz]\nrule_keys: [platform.pem]\n")
	d := w.audit(strings.TrimSpace(orgFlags))
	if source := d.Run.RuleSources[0]; source.Signature != finding.Verified || !strings.HasPrefix(source.Key, "platform.pem (sha256:") {
		t.Errorf("%+v", source)
	}
	w.write("ecraudit.yaml", "rule_keys: [none.pem]\n")
	w.refuses("rules", "ecraudit.yaml:1:12: rule_keys: key none.pem: no such file or directory")
	w.write("ecraudit.yaml", "")
	w.refuses("rules --rules-key platform.key", "--rules-key: key platform.key: that is a private key")
	w.refuses("rules --rules-key ecraudit.yaml", "--rules-key: key ecraudit.yaml: not a key in PEM")
}

// A rule replaces a default rule only where it says so.
func TestReplacedRules(t *testing.T) {
	w := demoWorld(t)
	w.write("a/lifecycle_missing.rego", ownRule("lifecycle-missing"))
	w.refuses("rules --rules a", `a/lifecycle_missing.rego: the rule id "lifecycle-missing" is already that of policies/lifecycle_missing.rego: choose another id and package, or replace the default rule by yours with replaces: true below custom in its METADATA`)
	for _, replaces := range []string{"true", "lifecycle-missing"} {
		w.write("a/lifecycle_missing.rego", ownRule("lifecycle-missing", "replaces: "+replaces))
		if r := w.run("rules --rules a"); !strings.Contains(r.out, "\na: folder sha256:") || !strings.Contains(r.out, "  lifecycle-missing replaces the default rule\n") {
			t.Error(r.out, r.err)
		}
	}
	d := w.audit("--rules a" + orgFlags)
	if got := d.findings("lifecycle-missing", "access/public"); !slices.Equal(got, []string{"fail: seen access/public"}) {
		t.Errorf("%q", got)
	}
	if i := slices.IndexFunc(d.Run.Rules, func(r finding.Rule) bool { return r.Replaces }); i < 0 || d.Run.Rules[i].ID != "lifecycle-missing" || d.Run.Rules[i].Source != "a" {
		t.Error("the report does not say what is replaced")
	}
	w.write("b/again.rego", ownRule("lifecycle-missing", "replaces: true"))
	w.refuses("rules --rules a,b", `b/again.rego: the rule id "lifecycle-missing" is already that of a/lifecycle_missing.rego: choose another id and package`+"\n")
	w.write("b/again.rego", ownRule("lifecycle-mising", "replaces: true"))
	w.refuses("rules --rules b", `b/again.rego: custom.replaces: there is no default rule "lifecycle-mising" to replace: did you mean "lifecycle-missing"?`)
	w.write("b/again.rego", ownRule("own", "replaces: lifecycle-missing"))
	w.refuses("rules --rules b", `b/again.rego:1: METADATA: custom.replaces "lifecycle-missing" is not the id of this rule, "own"`)
	w.write("b/again.rego", ownRule("own", "replaces: [own]"))
	w.refuses("rules --rules b", `b/again.rego:1: METADATA: custom.replaces must be true, or the id of the rule`)
}

// A rule for a contract to come is refused with what to do, whatever else it has.
func TestContractOfRules(t *testing.T) {
	w := demoWorld(t)
	w.write("a/own.rego", ownRule("own", "contract: 2", "sorcery: true"))
	w.refuses("audit --rules a"+orgFlags, "a/own.rego:1: METADATA: custom.contract: the rule own is written for version 2 of the contract for rules, and this ecraudit knows version 1: upgrade ecraudit, or take an older version of the rule\n")
	for _, bad := range []string{"0", "x", "1.5", "[1]"} {
		w.write("a/own.rego", ownRule("own", "contract: "+bad))
		w.refuses("rules --rules a", "a/own.rego:1: METADATA: custom.contract must be a version such as 1, not ")
	}
	w.write("a/own.rego", ownRule("own", "contract: 1"))
	if ids, _ := w.rulesOf("a", ""); !slices.Equal(ids, []string{"own"}) {
		t.Errorf("%q", ids)
	}
}

// A configuration extends one that is in a bundle, and rules of the same bundle.
func TestExtendedBundles(t *testing.T) {
	w := demoWorld(t)
	platform := w.signer("platform")
	files := map[string]string{
		"base.yaml":       "extends: more/tags.yaml\nrule_paths: [rules]\nrules: {own: on}\n",
		"more/tags.yaml":  "required_tags: [owner]\n",
		"rules/own.rego":  ownRule("own"),
		"other/more.rego": ownRule("more"),
	}
	bundled := func(change map[string]string) {
		maps.Copy(files, change)
		w.write("packs/platform.tar.gz", tarOf(t, w.signed(files, platform)))
	}
	bundled(nil)
	w.write("ecraudit.yaml", "extends: packs/platform.tar.gz//base.yaml\nrule_keys: [platform.pem]\n")
	explained := w.run("config explain team/api --account 111122223333 --region eu-west-1")
	for _, want := range []string{"packs/platform.tar.gz//more/tags.yaml:1", "  own "} {
		if !strings.Contains(explained.out, want) {
			t.Errorf("%q is not in %s%s", want, explained.out, explained.err)
		}
	}
	if ids, _ := w.rulesOf("packs/platform.tar.gz//rules", ""); !slices.Equal(ids, []string{"own"}) {
		t.Errorf("%q", ids)
	}
	w.write("ecraudit.yaml", "extends: packs/platform.tar.gz//base.yaml\n")
	if r := w.run("config validate"); r.code != 0 || !strings.Contains(r.err, "packs/platform.tar.gz is signed, but its signature was not verified") {
		t.Error(r)
	}
	for _, c := range []struct {
		extends string
		change  map[string]string
		want    string
	}{
		{"platform.tar.gz//bas.yaml", nil, "ecraudit.yaml:1:10: extends: there is no file bas.yaml in packs/platform.tar.gz: it has base.yaml, "},
		{"platform.tar.gz", nil, `ecraudit.yaml:1:10: extends: "packs/platform.tar.gz" is a bundle: name the file in it, as in "packs/platform.tar.gz//base.yaml"`},
		{"none.tar.gz//base.yaml", nil, "ecraudit.yaml:1:10: extends: packs/none.tar.gz: no such file or directory"},
		{"platform.tar.gz//base.yaml", map[string]string{"more/tags.yaml": "required_tags: [owner]\nscan_on_push: 7\n"}, "packs/platform.tar.gz//more/tags.yaml:2:15: scan_on_push: "},
		{"platform.tar.gz//base.yaml", map[string]string{"more/tags.yaml": "rule_paths: [../../rules]\n"}, `packs/platform.tar.gz//more/tags.yaml:1:14: rule_paths[0]: "../../rules" leads out of the bundle`},
		{"platform.tar.gz//base.yaml", map[string]string{"more/tags.yaml": "rule_paths: [/etc]\n"}, `packs/platform.tar.gz//more/tags.yaml:1:14: rule_paths[0]: "/etc" is no path in the bundle`},
		{"platform.tar.gz//base.yaml", map[string]string{"more/tags.yaml": "extends: x.tar.gz//y.yaml\n"}, `packs/platform.tar.gz//more/tags.yaml:1:10: extends: "x.tar.gz//y.yaml" names another bundle`},
		{"platform.tar.gz//base.yaml", map[string]string{"more/tags.yaml": "extends: ../base.yaml\n"}, `packs/platform.tar.gz//more/tags.yaml:1:10: extends: "packs/platform.tar.gz//base.yaml" is extended in a circle`},
		{"platform.tar.gz//base.yaml", map[string]string{"more/tags.yaml": "rule_keys: [x.pem]\n"}, `packs/platform.tar.gz//more/tags.yaml:1:1: rule_keys: keys stand in the file that is loaded, not in one that it extends`},
	} {
		bundled(c.change)
		w.write("ecraudit.yaml", "extends: packs/"+c.extends+"\n")
		w.refuses("config validate", c.want)
	}
	w.signer("other")
	w.write("ecraudit.yaml", "extends: packs/platform.tar.gz//base.yaml\nrule_keys: [other.pem]\n")
	w.refuses("audit"+orgFlags, "ecraudit.yaml:1:10: extends: packs/platform.tar.gz: its signature is not valid: other.pem (sha256:")
}

// signed adds the signature to files that opa sign makes for them.
func (w *world) signed(files map[string]string, by signer) map[string]string {
	w.t.Helper()
	hasher, err := bundle.NewSignatureHasher(bundle.SHA256)
	if err != nil {
		w.t.Fatal(err)
	}
	var hashed []bundle.FileInfo
	for name, text := range files {
		if name == ".signatures.json" {
			continue
		}
		sum, err := hasher.HashFile([]byte(text))
		if err != nil {
			w.t.Fatal(err)
		}
		hashed = append(hashed, bundle.NewFile(name, fmt.Sprintf("%x", sum), string(bundle.SHA256)))
	}
	token, err := bundle.GenerateSignedToken(hashed, bundle.NewSigningConfig(by.private, by.algorithm, ""), "k")
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := json.Marshal(bundle.SignaturesConfig{Signatures: []string{token}})
	if err != nil {
		w.t.Fatal(err)
	}
	files[".signatures.json"] = string(text)
	return files
}

func digestText(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// A report says of each file of the configuration what it held, and of one in a bundle
// which bundle that was and who signed it; people are shown the latter.
func TestReportsSayWhereSettingsCameFrom(t *testing.T) {
	w := demoSnapshot(t)
	platform := w.signer("platform")
	own := "rule_keys: [platform.pem]\nextends: platform.tar.gz//base.yaml\n"
	w.write("platform.tar.gz", tarOf(t, w.signed(map[string]string{"base.yaml": "rule_paths: [rules]\n", "rules/own.rego": ownRule("own")}, platform)))
	w.write("team.yaml", own)
	packed := w.read("platform.tar.gz")

	d := w.audit("--snapshot org.snapshot --config team.yaml")
	want := []finding.Source{
		{Reference: "platform.tar.gz//base.yaml", Kind: finding.FromBundle, Digest: digestText([]byte(packed)), Signature: finding.Verified},
		{Reference: "team.yaml", Kind: finding.FromFile, Digest: digestText([]byte(own)), Signature: finding.Unsigned},
	}
	for i, source := range d.Run.ConfigSources {
		if i == 0 && !strings.HasPrefix(source.Key, "platform.pem (sha256:") {
			t.Errorf("%+v", source)
		}
		if source.Key = ""; len(d.Run.ConfigSources) != len(want) || source != want[i] {
			t.Errorf("%+v", source)
		}
	}
	if len(d.Run.ConfigSources) == 0 {
		t.Error("nothing is recorded")
	}

	w.works("audit --snapshot org.snapshot --config team.yaml -o report.json -o report.txt -o report.md -o report.html -o report.sarif -o report.xml")
	w.works("report report.json -o again.txt -o again.ndjson")
	for _, file := range []string{"report.txt", "again.txt", "report.md", "report.html", "report.xml"} {
		text := strings.Join(strings.Fields(w.read(file)), " ")
		for _, want := range []string{"platform.tar.gz//base.yaml", "platform.tar.gz//rules", want[0].Digest, "signature verified by", "bundle"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %q", file, want)
			}
		}
		if shown := strings.Contains(text, want[1].Digest); shown && file != "report.html" {
			t.Errorf("%s shows a file of the user's own", file)
		}
	}
	for _, file := range []string{"report.sarif", "again.ndjson"} {
		text := w.read(file)
		if !strings.Contains(text, `"config_sources":[{"reference":"platform.tar.gz//base.yaml","kind":"bundle","digest":"`+want[0].Digest) || !strings.Contains(text, want[1].Digest) {
			t.Errorf("%s does not say where settings came from", file)
		}
	}
	w.write("ecraudit.yaml", "")
	if d := w.audit("--snapshot org.snapshot"); len(d.Run.ConfigSources) != 1 || d.Run.ConfigSources[0].Reference != "ecraudit.yaml" {
		t.Errorf("%+v", d.Run.ConfigSources)
	}
}

// What is wrong with rules that files name is said with the place, of all at once.
func TestMistakesOfRulePathsHaveTheirPlace(t *testing.T) {
	w := demoWorld(t)
	w.write("rules/own.rego", ownRule("own"))
	w.write("empty/README.md", "")
	w.write("rp.yaml", "extends: base/base.yaml\nrule_paths:\n  - rules/\n  - missing.rego\n  - empty\n")
	w.write("base/base.yaml", "rule_paths: [gone.tar.gz]\n")
	w.write("new.yaml", "rule_paths: [missing.rego]\n")
	for _, line := range []string{"config validate rp.yaml", "audit --config rp.yaml" + orgFlags, "rules --config rp.yaml", "rules test --config rp.yaml", "rules show own --config rp.yaml", "config explain a/b --config rp.yaml"} {
		w.refuses(line, "base/base.yaml:1:14: rule_paths[0]: base/gone.tar.gz: no such file", "rp.yaml:4:5: rule_paths[1]: missing.rego: no such file", "rp.yaml:5:5: rule_paths[2]: there is no rule in empty")
	}
	w.refuses("rules new other --scope repository --config new.yaml", "new.yaml:1:14: rule_paths[0]: missing.rego: no such file")
	w.refuses("rules --rules missing.rego", "ecraudit: rules: missing.rego: no such file")
}
