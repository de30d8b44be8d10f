package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// memory is a handler that keeps everything.
type memory struct {
	registries   []*Registry
	repositories []*Repository
}

func (m *memory) Registry(_ context.Context, r *Registry) error {
	m.registries = append(m.registries, r)
	return nil
}

func (m *memory) Repository(_ context.Context, reg *Registry, r *Repository) error {
	if reg.Target != r.Target {
		return fmt.Errorf("%s came with the registry of %s", r.Name, reg.Target)
	}
	m.repositories = append(m.repositories, r)
	return nil
}

var clock = time.Date(2026, 10, 1, 12, 0, 0, 123456789, time.UTC)

// write puts repositories of one registry into a snapshot file, in any order.
func write(t interface{ Fatal(...any) }, repositories ...*Repository) []byte {
	w, err := NewWriter(Header{Tool: "test", Clock: clock, Needs: []Need{NeedImages}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	registry := &Registry{Target: target, Settings: map[string]string{"REGISTRY_POLICY_SCOPE": "V2"}, Gaps: []Gap{{Target: target, Need: NeedReplication, Code: "AccessDenied"}}}
	result := TargetResult{Target: target, Status: StatusPartial}
	for _, r := range repositories {
		if err := w.Repository(context.Background(), registry, r); err != nil {
			t.Fatal(err)
		}
		result.Repositories++
		result.Images += len(r.Images)
	}
	if err := w.Registry(context.Background(), registry); err != nil {
		t.Fatal(err)
	}
	if err := w.Done(result); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := w.Write(&file, false); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func read(file []byte) (*Reader, *memory, error) {
	reader, err := NewReader(bytes.NewReader(file), "file")
	if err != nil {
		return nil, nil, err
	}
	defer reader.Close()
	m := &memory{}
	return reader, m, reader.Read(context.Background(), m)
}

var target = Target{Partition: "aws", Account: "111122223333", Region: "eu-west-1"}

func drawRepository(t *rapid.T, name string) *Repository {
	text := rapid.StringN(0, 12, 40)
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return clock.Add(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "ns")))
	})
	r := &Repository{
		Target: target, Name: name, ARN: target.RepositoryARN(name), CreatedAt: moment.Draw(t, "created"),
		Policy: text.Draw(t, "policy"), Mutability: Mutability{Setting: "IMMUTABLE", Exclusions: rapid.SliceOfN(text, 1, 3).Draw(t, "exclusions")},
		Tags: rapid.MapOfN(text, text, 1, 3).Draw(t, "tags"),
	}
	for i := range rapid.IntRange(0, 3*imagesPage/2).Draw(t, "images") {
		image := Image{Digest: fmt.Sprintf("sha256:%064x", i), Kind: KindImage, Status: "ACTIVE", SizeBytes: int64(i), PushedAt: clock}
		switch i % 4 {
		case 1:
			image.Kind, image.Children = KindIndex, []Child{}
		case 2:
			image.Kind, image.Children = KindIndex, []Child{{Digest: "sha256:a", Platform: "linux/arm64", Attestation: true}}
		case 3:
			image.Scan = &Scan{Status: "COMPLETE", Counts: map[string]int{}}
		}
		r.Images = append(r.Images, image)
	}
	return r
}

// What is written is read: in order, and with the difference between nothing
// and not known.
func TestFileRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,8}(/[a-z0-9]{1,8})?`), 0, 4, rapid.ID[string]).Draw(t, "names")
		var written []*Repository
		for _, name := range names {
			written = append(written, drawRepository(t, name))
		}
		file := write(t, written...)
		reader, got, err := read(file)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(written, func(a, b *Repository) int { return strings.Compare(a.Name, b.Name) })
		for _, r := range written {
			toValid(r)
		}
		if diff := cmp.Diff(written, got.repositories); diff != "" {
			t.Fatal(diff)
		}
		if !reader.Header.Clock.Equal(clock) || len(got.registries) != 1 || got.registries[0].Gap(NeedReplication) == nil {
			t.Fatalf("header %+v, registries %+v", reader.Header, got.registries)
		}
	})
}

// toValid does what JSON does to text that is no UTF-8.
func toValid(r *Repository) {
	r.Policy = strings.ToValidUTF8(r.Policy, "\ufffd")
}

// No file that was cut or changed anywhere is taken for a whole one.
func TestDamageIsFound(t *testing.T) {
	file := write(t, &Repository{Target: target, Name: "a", Images: []Image{{Digest: "sha256:1"}}}, &Repository{Target: target, Name: "b"})
	for cut := range file {
		if _, _, err := read(file[:cut]); err == nil {
			t.Errorf("a file of %d bytes was cut after %d, and nothing was said", len(file), cut)
		}
	}
	for i := range file {
		changed := bytes.Clone(file)
		changed[i] ^= 0x10
		_, got, err := read(changed)
		if err == nil && (len(got.repositories) != 2 || got.repositories[0].Images[0].Digest != "sha256:1") {
			t.Errorf("byte %d was changed, and nothing was said", i)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(write(f, &Repository{Target: target, Name: "a", Images: []Image{{Digest: "sha256:1"}}}))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, _, err := read(file); err != nil && !strings.HasPrefix(err.Error(), "file ") {
			t.Errorf("the message does not name the file: %v", err)
		}
	})
}

func TestSpoolKeepsOrder(t *testing.T) {
	spool, err := NewSpool()
	if err != nil {
		t.Fatal(err)
	}
	defer spool.Close()
	other := Target{Account: "000000000000", Region: "us-east-1"}
	for _, put := range []struct {
		target     Target
		repository string
	}{{target, "b"}, {other, "z"}, {target, ""}, {target, "a"}, {other, ""}} {
		if err := spool.Put(put.target, put.repository, []byte(put.target.Account+put.repository)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	if err := spool.Each(func(_ Target, _ string, data []byte) error {
		got = append(got, string(data))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{other.Account, other.Account + "z", target.Account, target.Account + "a", target.Account + "b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
