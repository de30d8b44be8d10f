// Package cost computes what it costs to store images, and for what.
//
// The cost of an image is its size times the price of a gigabyte and month,
// that of the archive for an archived image. A gigabyte is 2^30 bytes: so AWS
// converts bytes to GB-months in its billing example for the storage that ECR
// keeps layers in (Amazon S3 FAQs, "How will I be charged and billed"), and
// meters ECR in the same unit (TimedStorage-ByteHrs); ECR's own price list does
// not say. An index costs nothing itself, because what AWS gives as its size is
// that of its largest child, which counts on its own.
//
// Every amount is an upper bound. Layers that images share are stored once and
// counted here for each of them, since AWS tells the size of images only. Free
// tiers, the lower price of an archive beyond 150 TB, and what is billed for
// less than the 90 days that an archived image is charged for at least, are not
// modelled.
//
// Amounts are kept as bytes at a price and multiplied at the end, so that sums
// do not depend on the order in which repositories come.
package cost

import (
	"cmp"
	"slices"

	"github.com/ecraudit/ecraudit/internal/config"
	"github.com/ecraudit/ecraudit/internal/snapshot"
)

// Gigabyte is what a price is for, in bytes.
const Gigabyte = 1 << 30

// archived is the status of an image in the archive. One that is being
// restored (ACTIVATING) is charged as restored.
const archived = "ARCHIVED"

// Rates are the prices of a gigabyte and month in one region.
type Rates struct {
	Currency          string
	Standard, Archive float64
}

// RatesIn returns the prices that hold in a region.
func RatesIn(region string, p config.Prices) Rates {
	rates := Rates{Currency: p.Currency, Standard: p.Standard, Archive: p.Archive}
	if price, there := p.Regions[region]; there {
		rates.Standard = price
	}
	return rates
}

// price is what a gigabyte of an image costs.
func (r Rates) price(i *snapshot.Image) float64 {
	if i.Status == archived {
		return r.Archive
	}
	return r.Standard
}

// billedBytes is what of an image counts: of an index nothing.
func billedBytes(i *snapshot.Image) int64 {
	if i.Kind == snapshot.KindIndex {
		return 0
	}
	return i.SizeBytes
}

// Amount is an amount of storage and what it costs. The zero Amount is none.
type Amount struct {
	parts []part // by price; one or two, save in sums over regions
}

// part is storage at one price.
type part struct {
	price float64
	bytes int64
}

// Bytes is how much is stored.
func (a Amount) Bytes() (sum int64) {
	for _, p := range a.parts {
		sum += p.bytes
	}
	return sum
}

// Monthly is what it costs in a month, in the currency of the rates.
func (a Amount) Monthly() (sum float64) {
	for _, p := range a.parts {
		sum += p.price * float64(p.bytes) / Gigabyte
	}
	return sum
}

func (a *Amount) add(price float64, bytes int64) {
	if bytes == 0 {
		return
	}
	at, there := slices.BinarySearchFunc(a.parts, price, func(p part, price float64) int { return cmp.Compare(p.price, price) })
	if !there {
		a.parts = slices.Insert(a.parts, at, part{price: price})
	}
	a.parts[at].bytes += bytes
}

func (a *Amount) addAll(o Amount) {
	for _, p := range o.parts {
		a.add(p.price, p.bytes)
	}
}
