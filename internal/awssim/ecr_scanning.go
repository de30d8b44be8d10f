package awssim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// scanRun is a scan that was started: it answers IN_PROGRESS for a number of polls, then it has its result.
type scanRun struct {
	started time.Time
	polls   int
}

// effective is how often a repository is scanned, and which filters say so (user guide: continuous wins over on push).
func (s Scanning) effective(repository string, flag bool) (frequency string, filters []Filter) {
	frequency = "MANUAL"
	rank := []string{"MANUAL", "SCAN_ON_PUSH", "CONTINUOUS_SCAN"}
	for _, rule := range s.Rules {
		for _, f := range rule.RepositoryFilters {
			if !scanFilterMatches(f.Filter, repository) {
				continue
			}
			filters = append(filters, f)
			if slices.Index(rank, rule.ScanFrequency) > slices.Index(rank, frequency) {
				frequency = rule.ScanFrequency
			}
		}
	}
	if len(s.Rules) == 0 && s.ScanType == "BASIC" && flag {
		frequency = "SCAN_ON_PUSH"
	}
	return frequency, filters
}

// scanFilterMatches matches a filter as the user guide says: one without a wildcard matches every name that contains it.
func scanFilterMatches(filter, name string) bool {
	if !strings.Contains(filter, "*") {
		return strings.Contains(name, filter)
	}
	return globMatch(filter, name)
}

// scanOnPush reports whether an image that is pushed to a repository is scanned.
func (r *Registry) scanOnPush(name string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	repo := r.find(name)
	if repo == nil {
		return false
	}
	repo.mu.RLock()
	defer repo.mu.RUnlock()
	frequency, _ := r.scanning.effective(name, repo.about.ScanOnPush)
	return frequency != "MANUAL"
}

// pushScan is the scan of a newly pushed image: complete, because the clock may stand still.
func (i *Image) pushScan(now time.Time) *Scan {
	if isIndex(i.MediaType) || !i.scannable() {
		return nil
	}
	scan := cmp.Or(i.NextScan, &Scan{}).clone()
	scan.CompletedAt = now
	return scan.completed(now)
}

// scannable reports whether an image is a container image, which alone can be scanned.
func (i *Image) scannable() bool {
	return !isIndex(i.MediaType) && (i.ArtifactType == "" || i.ArtifactType == MediaTypeOCIConfig || i.ArtifactType == MediaTypeDockerImage)
}

type scanStatus struct {
	Status      string `json:"status"`
	Description string `json:"description,omitempty"`
}

type findingsInput struct {
	imageInput
	paging
}

type findingsOutput struct {
	imageOutput
	Status    scanStatus    `json:"imageScanStatus"`
	Findings  *scanFindings `json:"imageScanFindings,omitempty"`
	NextToken string        `json:"nextToken,omitempty"`
}

type scanFindings struct {
	CompletedAt *stamp            `json:"imageScanCompletedAt,omitempty"`
	SourceAt    *stamp            `json:"vulnerabilitySourceUpdatedAt,omitempty"`
	Counts      map[string]int32  `json:"findingSeverityCounts"`
	Basic       []basicFinding    `json:"findings,omitempty"`
	Enhanced    []enhancedFinding `json:"enhancedFindings,omitempty"`
}

func describeImageScanFindings(c *call, in *findingsInput) (any, error) {
	n, err := in.size(c, 100, 1000)
	if err != nil {
		return nil, err
	}
	repo, image, head, err := in.one(c)
	if err == nil {
		err = repo.admitToInspector(c)
	}
	if err != nil {
		return nil, err
	}
	position, err := in.continuation(c, repo.name+image.Digest)
	if err != nil {
		return nil, err
	}
	if repo.poll(image.Digest) {
		return findingsOutput{imageOutput: head, Status: scanStatus{"IN_PROGRESS", "The scan is in progress."}}, nil
	}
	_, image, head, err = in.one(c) // the scan may have completed just now
	if err != nil {
		return nil, err
	}
	if image.Scan == nil {
		return nil, failure("ScanNotFoundException", "Image scan does not exist for the image with '%s' in the repository with name '%s' in the registry with id '%s'",
			in.ImageID, repo.name, repo.registry.account.id)
	}
	out := findingsOutput{imageOutput: head, Status: scanStatus{image.Scan.Status, image.Scan.Description}}
	if out.Status.Status != "COMPLETE" && out.Status.Status != "ACTIVE" {
		return out, nil
	}
	start := 0
	_, _ = fmt.Sscan(position, &start) // tokens are sealed, so a position is a number, or nothing at the start
	all := image.Scan.findings()
	end := min(len(all), start+n)
	if end < len(all) {
		out.NextToken = c.token(repo.name+image.Digest, fmt.Sprint(end), n)
	}
	out.Findings = repo.registry.findings(c, repo, image, all[start:end])
	return out, nil
}

// poll counts a look at a scan that was started, and reports whether it still runs. The last look completes it.
func (r *LiveRepository) poll(digest string) (running bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := r.scans[digest]
	if run == nil || run.polls < 0 {
		return false
	}
	if run.polls--; run.polls >= 0 {
		return true
	}
	image := r.images[digest]
	scan := cmp.Or(image.NextScan, &Scan{}).clone()
	scan.CompletedAt = run.started
	image.Scan, image.NextScan = scan.completed(run.started), nil
	return false
}

// findings are those of a scan, in order; made up by their counts where only these are known.
func (s *Scan) findings() []Finding {
	if len(s.Findings) > 0 {
		return s.Findings
	}
	var all []Finding
	for _, severity := range sortedKeys(s.Counts) {
		for i := range s.Counts[severity] {
			name := fmt.Sprintf("CVE-2026-%04d", len(all)+1)
			all = append(all, Finding{
				Name: name, Severity: severity, Package: fmt.Sprintf("lib%s%d", strings.ToLower(severity), i), Version: "1.0.0", FixedIn: "1.0.1",
				Description: "A made-up vulnerability.", URI: "https://cve.example.com/" + name,
			})
		}
	}
	return all
}

// admitToInspector checks what reading findings takes beside the permission of ECR where Amazon Inspector scans: see "IAM permissions
// required for enhanced scanning" in the user guide of ECR.
func (r *LiveRepository) admitToInspector(c *call) error {
	r.registry.mu.RLock()
	enhanced := r.registry.scanning.ScanType == "ENHANCED"
	r.registry.mu.RUnlock()
	if !enhanced {
		return nil
	}
	for _, takes := range []struct{ action, resource string }{{"inspector2:ListCoverage", "/coverage/list"}, {"inspector2:ListFindings", "/findings/list"}} {
		if err := c.allowAction(takes.action, c.org.arn("inspector2", c.region, c.caller.account.id, takes.resource), nil); err != nil {
			return err
		}
	}
	return nil
}

// findings renders findings as the registry's scan type has them.
func (r *Registry) findings(c *call, repo *LiveRepository, image *Image, page []Finding) *scanFindings {
	r.mu.RLock()
	enhanced := r.scanning.ScanType == "ENHANCED"
	r.mu.RUnlock()
	scan := image.Scan
	out := &scanFindings{stampOf(scan.CompletedAt), stampOf(scan.CompletedAt.Truncate(24 * time.Hour)), scan.Counts, nil, nil}
	if out.Counts == nil {
		out.Counts = map[string]int32{}
	}
	for _, f := range page {
		if enhanced {
			out.Enhanced = append(out.Enhanced, f.enhanced(c, repo, image))
		} else {
			out.Basic = append(out.Basic, f.basic())
		}
	}
	return out
}

type attribute struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type basicFinding struct {
	Name        string      `json:"name"`
	Description string      `json:"description,omitempty"`
	URI         string      `json:"uri,omitempty"`
	Severity    string      `json:"severity"`
	Attributes  []attribute `json:"attributes"`
}

func (f Finding) basic() basicFinding {
	return basicFinding{f.Name, f.Description, f.URI, f.Severity, []attribute{{"package_version", f.Version}, {"package_name", f.Package}}}
}

// enhancedFinding is a finding as Amazon Inspector has it.
type enhancedFinding struct {
	AccountID        string              `json:"awsAccountId"`
	Description      string              `json:"description,omitempty"`
	ARN              string              `json:"findingArn"`
	FirstObservedAt  *stamp              `json:"firstObservedAt"`
	LastObservedAt   *stamp              `json:"lastObservedAt"`
	UpdatedAt        *stamp              `json:"updatedAt"`
	FixAvailable     string              `json:"fixAvailable"`
	ExploitAvailable string              `json:"exploitAvailable"`
	Score            float64             `json:"score"`
	Severity         string              `json:"severity"`
	Status           string              `json:"status"`
	Title            string              `json:"title"`
	Type             string              `json:"type"`
	Details          packages            `json:"packageVulnerabilityDetails"`
	Resources        []resourceOfFinding `json:"resources"`
}

type packages struct {
	VulnerabilityID string              `json:"vulnerabilityId"`
	Source          string              `json:"source"`
	SourceURL       string              `json:"sourceUrl,omitempty"`
	Packages        []vulnerablePackage `json:"vulnerablePackages"`
}

type vulnerablePackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	FixedIn string `json:"fixedInVersion,omitempty"`
}

type resourceOfFinding struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Details struct {
		Image imageOfFinding `json:"awsEcrContainerImage"`
	} `json:"details"`
}

type imageOfFinding struct {
	Registry   string   `json:"registry"`
	Repository string   `json:"repositoryName"`
	Hash       string   `json:"imageHash"`
	Tags       []string `json:"imageTags,omitempty"`
	PushedAt   *stamp   `json:"pushedAt,omitempty"`
}

func (f Finding) enhanced(c *call, repo *LiveRepository, image *Image) enhancedFinding {
	yes := func(b bool) string {
		if b {
			return "YES"
		}
		return "NO"
	}
	scores := map[string]float64{"CRITICAL": 9.8, "HIGH": 8.1, "MEDIUM": 5.5, "LOW": 3.1}
	at := stampOf(image.Scan.CompletedAt)
	account := repo.registry.account.id
	resource := resourceOfFinding{ID: repo.ARN() + "/" + image.Digest, Type: "AWS_ECR_CONTAINER_IMAGE"}
	resource.Details.Image = imageOfFinding{account, repo.name, image.Digest, image.Tags, stampOf(image.PushedAt)}
	return enhancedFinding{
		AccountID: account, Description: f.Description, Title: f.Name + " - " + f.Package,
		ARN:             c.org.arn("inspector2", c.region, account, "finding/"+shortHash(image.Digest, f.Name, f.Package)[:32]),
		FirstObservedAt: at, LastObservedAt: at, UpdatedAt: at,
		FixAvailable: yes(f.FixedIn != ""), ExploitAvailable: yes(f.ExploitAvailable),
		Score: scores[f.Severity], Severity: f.Severity, Status: "ACTIVE", Type: "PACKAGE_VULNERABILITY",
		Details:   packages{f.Name, "NVD", f.URI, []vulnerablePackage{{f.Package, f.Version, f.FixedIn}}},
		Resources: []resourceOfFinding{resource},
	}
}

func startImageScan(c *call, in *imageInput) (any, error) {
	repo, err := in.toWrite(c)
	if err != nil {
		return nil, err
	}
	registry := repo.registry
	registry.mu.RLock()
	enhanced := registry.scanning.ScanType == "ENHANCED"
	registry.mu.RUnlock()
	if enhanced {
		return nil, failure("ValidationException", "This feature is disabled")
	}
	repo.mu.Lock()
	defer repo.mu.Unlock()
	image, err := repo.single(in.ImageID)
	if err != nil {
		return nil, err
	}
	image = repo.writable(image.Digest)
	now := c.org.Now()
	if err := repo.mayScan(image, now); err != nil {
		return nil, err
	}
	if repo.scans == nil {
		repo.scans = map[string]*scanRun{}
	}
	repo.scans[image.Digest] = &scanRun{now, c.org.options.PreviewPolls}
	return struct {
		imageOutput
		Status scanStatus `json:"imageScanStatus"`
	}{imageOutput{registry.account.id, repo.name, imageID{image.Digest, in.ImageID.Tag}}, scanStatus{Status: "IN_PROGRESS"}}, nil
}

// mayScan checks what AWS asks of an image that is to be scanned: once in 24 hours, not archived, and a container image.
func (r *LiveRepository) mayScan(image *Image, now time.Time) error {
	last := time.Time{}
	if image.Scan != nil {
		last = image.Scan.CompletedAt
	}
	if run := r.scans[image.Digest]; run != nil {
		last = run.started
	}
	switch {
	case image.status(now) != "ACTIVE":
		return failure("ImageArchivedException", "The image with digest '%s' is archived and cannot be scanned", image.Digest)
	case !image.scannable():
		return failure("UnsupportedImageTypeException", "The image with digest '%s' is of a type that cannot be scanned", image.Digest)
	case !last.IsZero() && now.Sub(last) < 24*time.Hour:
		return failure("LimitExceededException", "The scan quota per image has been exceeded. Wait and try again.")
	}
	return nil
}

type scanningConfiguration struct {
	RegistryID    string    `json:"registryId,omitempty"`
	Configuration *Scanning `json:"scanningConfiguration,omitempty"`
	Put           *Scanning `json:"registryScanningConfiguration,omitempty"`
}

// out is a configuration whose lists are never null.
func (s Scanning) out() *Scanning {
	s.Rules = append([]ScanningRule{}, s.Rules...)
	return &s
}

func getRegistryScanningConfiguration(c *call, _ *none) (any, error) {
	r := c.registry()
	r.mu.RLock()
	defer r.mu.RUnlock()
	return scanningConfiguration{RegistryID: r.account.id, Configuration: r.scanning.out()}, nil
}

func putRegistryScanningConfiguration(c *call, in *Scanning) (any, error) {
	r := c.registry()
	r.mu.RLock()
	in.ScanType = cmp.Or(in.ScanType, r.scanning.ScanType)
	r.mu.RUnlock()
	if err := in.validate(); err != nil {
		return nil, err
	}
	r.change(func() { r.scanning = *in })
	return scanningConfiguration{Put: in.out()}, nil
}

func (s *Scanning) validate() error {
	if err := oneOf("scanType", s.ScanType, false, "BASIC", "ENHANCED"); err != nil {
		return err
	}
	if len(s.Rules) > 2 {
		return invalid("rules", "Member must have length less than or equal to 2")
	}
	frequencies := map[string][]string{"BASIC": {"SCAN_ON_PUSH", "MANUAL"}, "ENHANCED": {"SCAN_ON_PUSH", "CONTINUOUS_SCAN"}}[s.ScanType]
	seen := map[string]bool{}
	for _, rule := range s.Rules {
		if err := oneOf("rules.scanFrequency", rule.ScanFrequency, false, frequencies...); err != nil {
			return err
		}
		if seen[rule.ScanFrequency] {
			return invalid("rules", "Only one rule for each scan frequency is allowed")
		}
		seen[rule.ScanFrequency] = true
		if rule.RepositoryFilters == nil || len(rule.RepositoryFilters) > 100 {
			return invalid("rules.repositoryFilters", "must not be null, and must have length less than or equal to 100")
		}
		for _, f := range rule.RepositoryFilters {
			if f.FilterType != "WILDCARD" || len(f.Filter) > 255 || !scanFilter.MatchString(f.Filter) {
				return invalid("rules.repositoryFilters.filter", `must be of type WILDCARD and satisfy regular expression '^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$'`)
			}
		}
	}
	return nil
}

type repositoryScanning struct {
	ARN            string   `json:"repositoryArn"`
	RepositoryName string   `json:"repositoryName"`
	ScanOnPush     bool     `json:"scanOnPush"`
	ScanFrequency  string   `json:"scanFrequency"`
	Filters        []Filter `json:"appliedScanFilters"`
}

type repositoryScanningFailure struct {
	RepositoryName string `json:"repositoryName"`
	Code           string `json:"failureCode"`
	Reason         string `json:"failureReason"`
}

type repositoryNamesInput struct {
	RepositoryNames []string `json:"repositoryNames"`
}

func (in repositoryNamesInput) resources(c *call) []string {
	return inRegistry{}.named(c, in.RepositoryNames)
}

func batchGetRepositoryScanningConfiguration(c *call, in *repositoryNamesInput) (any, error) {
	if err := batch("repositoryNames", len(in.RepositoryNames), 25); err != nil {
		return nil, err
	}
	r := c.registry()
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := struct {
		Configurations []repositoryScanning        `json:"scanningConfigurations"`
		Failures       []repositoryScanningFailure `json:"failures"`
	}{[]repositoryScanning{}, []repositoryScanningFailure{}}
	for _, name := range in.RepositoryNames {
		if err := validateRepositoryName(name); err != nil {
			return nil, err
		}
		repo := r.find(name)
		if repo == nil {
			out.Failures = append(out.Failures, repositoryScanningFailure{name, "REPOSITORY_NOT_FOUND",
				fmt.Sprintf("The repository with name '%s' does not exist in the registry with id '%s'", name, r.account.id)})
			continue
		}
		repo.mu.RLock()
		frequency, filters := r.scanning.effective(name, repo.about.ScanOnPush)
		repo.mu.RUnlock()
		out.Configurations = append(out.Configurations, repositoryScanning{r.arn(name), name, frequency == "SCAN_ON_PUSH" || frequency == "CONTINUOUS_SCAN",
			frequency, append([]Filter{}, filters...)})
	}
	return out, nil
}
