# METADATA
# description: Tags that are no names of releases, branches or commits.
package ecraudit.lib.tags

# named_by_tools says that tools find something by this very tag: signatures,
# attestations and SBOMs of cosign, the index of an image's referrers where the
# registry has no API for them, and images that ecraudit has parked.
named_by_tools(tag) if regex.match(`^sha256-[0-9a-f]{64}(\.(sig|att|sbom))?$`, tag)

named_by_tools(tag) if startswith(tag, "ecraudit-quarantine-")
