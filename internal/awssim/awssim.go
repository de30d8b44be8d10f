// Package awssim is a simulated AWS organization that answers over HTTP, for tests and for a demonstration.
//
// Unmodified AWS clients (the SDKs, the AWS CLI) talk to it through AWS_ENDPOINT_URL: ECR, STS, Organizations, Account and the
// DescribeRegions operation of EC2 stand behind one listener and speak the wire protocols that AWS speaks. As with AWS, the account
// of a call is known only from the credentials that signed it, and the region only from the scope of the signature.
//
// The package has three parts. An [Organization] is the state: accounts, roles, regions, and in each account and region one
// [Registry] of repositories and images. It is built with plain descriptions ([Account], [Role], [Repository], [Image]), and
// read back in the same vocabulary ([Organization.State], [LiveRepository.Describe]), so a test can compare what AWS holds before and
// after. A [Server] puts an organization on a socket, counts the calls ([Server.Calls]), can refuse every write
// ([Server.ReadOnly]) and misbehaves on demand ([Server.Faults]): it throttles, fails, hangs up before or after having acted,
// answers slowly or half, denies, or runs a function at the Nth call. The manifests.go file builds images whose digests are the real
// sha256 of their manifests; synthetic.go describes repositories of any size by a function, which are rendered page by page and
// never held.
//
// What is validated is what AWS documents: names, batch sizes, policy and lifecycle documents, tag immutability, references of indexes.
// A builder method describes a state rather than an act, so it does not validate: a test may plant what AWS would refuse today.
// What is not simulated: layers (PutImage takes those that a manifest names as present; the layer operations and pulls over the
// Docker protocol are absent), the copying that replication and pull through caches do, and of IAM all but the
// policies of roles, the policies of repositories, and what iam.go says. Operations that are not simulated answer with an error that names them.
//
// The simulation is deterministic: time is a function, identifiers are counted or hashed, and random faults draw from a seed.
// All methods may be called at any time from any goroutine.
package awssim
