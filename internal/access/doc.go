// Package access decides who can reach an ECR repository, from the resource
// policies that speak of it.
//
// # The model
//
// A policy is not matched against a list of bad patterns; it is evaluated as
// AWS would, for every caller there is. That is possible because a document of
// finite length tells only finitely many kinds of callers apart. So the
// package first reads which accounts, organizations, organization paths and
// principals the documents speak of, patterns included, and builds a world
// (world.go, mentions.go) that has
//
//   - the own account, each account that is named, and for each pattern of
//     account ids an id that stands for it,
//   - a member of the organization in no named path and one in each named path,
//   - a stranger in no organization, one in an organization that nobody names,
//     and one in each organization that is named,
//   - and in each of these accounts a principal that nobody names, and, where
//     a document asks who it is, one of each kind and one for each pattern.
//
// Each of these callers (caller.go) has a definite value for the condition
// keys that follow from who calls, such as aws:PrincipalOrgID. Where an
// account's organization is not known, the account is there once for each
// organization that it may belong to. A key that the caller is free to choose
// (a tag of its role, its address, the time) has no value. For these the
// package looks for a request that passes (solve.go): one that meets every
// test of the Allow and, of every Deny that could hold, fails at least one.
// Whoever has such a request is let in (reach.go). The grants (grants.go) put
// the callers that are let in together again, in words: everyone, an
// organization, an account, a role.
//
// # Three values
//
// Conditions evaluate to yes, no or maybe (truth.go). What cannot be decided
// widens an Allow, whose grant is then unknown with a reason, and shrinks a
// Deny, which then takes nothing away. A caller is let in certainly, or
// doubtfully (an unknown key, a principal that AWS would refuse), or narrowed
// to a network or an id of which nobody can tell whose it is, or both. An
// unknown grant names the widest exposure that it might have. So no policy comes out clean
// because something in it was not understood.
//
// # Decisions where AWS leaves room
//
//   - ECR serves no unsigned request, so "everyone" means the principals of
//     every AWS account, and aws:PrincipalAccount and aws:PrincipalArn are
//     always there. aws:PrincipalOrgID is absent for accounts in no
//     organization, so its …IfExists operators let everybody in.
//   - Element names, Effect, and the kinds of principals are taken in AWS's
//     spelling only; operators, condition keys and actions in any case.
//     Anything else is a problem of the document, and its exposure unknown.
//   - A service acts for every customer of AWS, unless a condition pins whom it
//     acts for: exposure outside. A wildcard stands for services too, so where
//     a Deny makes an exception for them (aws:PrincipalIsAWSService), they get
//     in; they are listed as far as those for whom they act cannot do the same.
//   - A service's requests have an aws:PrincipalAccount, which is AWS's; what
//     the other keys of its principal hold is unknown.
//   - An address range as short as those that S3 calls public narrows nothing.
//   - Dates narrow nothing: there is no clock here.
//   - An entry of NotPrincipal in a Deny leaves out all that it may name.
//   - An Allow to an account counts as access by it, though it still needs an
//     identity policy there; inside the own account too.
//   - Documents that name too many principals to tell apart, or that need too
//     long a search, are unknown: no policy takes long.
//   - Of a repository policy's Resource only one that surely holds the
//     repository is understood.
//
// # Editing
//
// An Editor (edit.go) changes a document where a grant is more than it should
// be, or where an account should get in. It works on the document as it is
// written (editdocument.go), in which whatever an edit does not concern stays
// in its place. Forms that a statement could take (editsplit.go) are tried from
// the least invasive on, until one is proved by the same analysis that found
// the grant (editproof.go). What people gain and lose by all edits together is
// compared caller by caller (editchange.go). EqualPolicy (equal.go) knows a
// policy again after AWS rewrote it.
package access
