package awssim

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// SyntheticImages describes N images by a function of their number, so that a repository of any size costs nothing. The digests
// are made by the simulation, so that an image is found by its digest without a search; finding one by tag searches all.
// Image must be pure: it is called for every page, and from many goroutines.
type SyntheticImages struct {
	Seed  uint64
	N     int
	Image func(i int) Image // Digest is overwritten
}

// Synthesize returns n images of a mix as real repositories have it: of ten, six are tagged, one of them twice; one was an
// index's child and is untagged; two are untagged leftovers; one is a signature. They were pushed one an hour before newest.
func Synthesize(seed uint64, n int, newest time.Time) *SyntheticImages {
	return &SyntheticImages{Seed: seed, N: n, Image: func(i int) Image {
		image := Image{
			MediaType:    MediaTypeImage,
			ArtifactType: MediaTypeOCIConfig,
			Size:         int64(20_000_000 + i%97*1_000_000),
			PushedAt:     newest.Add(-time.Duration(i) * time.Hour),
		}
		switch i % 10 {
		case 0, 1, 2, 3, 4:
			image.Tags = []string{"v1." + strconv.Itoa(n-i)}
			image.LastPulledAt = image.PushedAt.Add(time.Hour)
		case 5:
			image.Tags = []string{"gitsha_" + strconv.Itoa(n-i), "v1." + strconv.Itoa(n-i)}
		case 9:
			image.ArtifactType, image.Size = MediaTypeNotation, 2000
			image.Subject = syntheticDigest(seed, i-1)
		}
		return image
	}}
}

// image is the ith image, complete.
func (s *SyntheticImages) image(i int) Image {
	image := s.Image(i)
	image.Digest = syntheticDigest(s.Seed, i)
	if image.MediaType == "" {
		image.MediaType = MediaTypeImage
	}
	if image.Status == "" {
		image.Status = "ACTIVE"
	}
	if image.Scan != nil {
		image.Scan = image.Scan.completed(image.PushedAt)
	}
	return image
}

// Digest is the digest of the ith image.
func (s *SyntheticImages) Digest(i int) string { return syntheticDigest(s.Seed, i) }

// syntheticDigest hides the number of an image in the first 16 of a digest's 64 digits; the others repeat from seed and number.
func syntheticDigest(seed uint64, i int) string {
	var raw [32]byte
	binary.BigEndian.PutUint64(raw[:8], scramble(uint64(i))^seed)
	for k := 1; k < 4; k++ {
		binary.BigEndian.PutUint64(raw[8*k:], scramble(uint64(i)+seed*uint64(2*k+1)))
	}
	var text [7 + 64]byte
	copy(text[:], "sha256:")
	hex.Encode(text[7:], raw[:])
	return string(text[:])
}

// indexOf is the number of the image that has a digest.
func (s *SyntheticImages) indexOf(digest string) (int, bool) {
	if len(digest) != 7+64 {
		return 0, false
	}
	x, err := strconv.ParseUint(digest[7:23], 16, 64)
	if err != nil {
		return 0, false
	}
	i := unscramble(x ^ s.Seed)
	if i >= uint64(s.N) || syntheticDigest(s.Seed, int(i)) != digest {
		return 0, false
	}
	return int(i), true
}

// scramble is a bijection (Knuth's multiplicative hashing with an odd constant, and a shift), and unscramble its inverse.
func scramble(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	return x ^ x>>32
}

func unscramble(x uint64) uint64 {
	x ^= x >> 32
	return x * 0xf1de83e19937733d
}

// syntheticRepositories are repositories that a function describes by number.
type syntheticRepositories struct {
	describe func(i int) Repository
	names    []string
	index    map[string]int32
	taken    map[int32]bool // deleted, or kept by the registry as real ones
}

// AddSyntheticRepositories adds n repositories, of which only the names are held. The function must be pure; it usually describes
// the images with [SyntheticImages]. A repository that is written to, or that [Registry.Repository] returns, becomes a real one.
func (r *Registry) AddSyntheticRepositories(n int, describe func(i int) Repository) {
	s := syntheticRepositories{describe: describe, index: make(map[string]int32, n), taken: map[int32]bool{}}
	for i := range n {
		name := describe(i).Name
		if _, ok := s.index[name]; ok {
			panic(fmt.Sprintf("awssim: two synthetic repositories are named %s", name))
		}
		s.names = append(s.names, name)
		s.index[name] = int32(i)
	}
	r.change(func() { r.synthetic = append(r.synthetic, s) })
}

func (s *syntheticRepositories) repository(r *Registry, i int32) *LiveRepository {
	repo := newRepository(r, s.describe(int(i)))
	repo.transient = true
	return repo
}
