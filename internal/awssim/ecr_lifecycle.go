package awssim

import (
	"encoding/json"
	"slices"
	"time"
)

type lifecycleInput struct {
	inRepository
	Text string `json:"lifecyclePolicyText"`
}

type lifecycleOutput struct {
	RegistryID      string `json:"registryId"`
	RepositoryName  string `json:"repositoryName"`
	Text            string `json:"lifecyclePolicyText"`
	LastEvaluatedAt *stamp `json:"lastEvaluatedAt,omitempty"`
	Status          string `json:"status,omitempty"`
}

func (r *LiveRepository) noLifecycle() error {
	return failure("LifecyclePolicyNotFoundException",
		"Lifecycle policy does not exist for the repository with name '%s' in the registry with id '%s'", r.name, r.registry.account.id)
}

// lifecycle answers with the policy that is in force. The lock must be held.
func (r *LiveRepository) lifecycle() (lifecycleOutput, error) {
	if r.about.Lifecycle == "" {
		return lifecycleOutput{}, r.noLifecycle()
	}
	return lifecycleOutput{RegistryID: r.registry.account.id, RepositoryName: r.name, Text: r.about.Lifecycle, LastEvaluatedAt: stampOf(r.lastEval)}, nil
}

func getLifecyclePolicy(c *call, in *inRepository) (any, error) {
	repo, err := in.toRead(c)
	if err != nil {
		return nil, err
	}
	repo.mu.RLock()
	defer repo.mu.RUnlock()
	return repo.lifecycle()
}

func putLifecyclePolicy(c *call, in *lifecycleInput) (any, error) {
	repo, err := in.toWrite(c)
	if err != nil {
		return nil, err
	}
	if err := firstError(required("lifecyclePolicyText", in.Text), lifecycleError(in.Text)); err != nil {
		return nil, err
	}
	text := in.Text
	if c.org.options.Reformat {
		text = compacted(text)
	}
	repo.mu.Lock()
	defer repo.mu.Unlock()
	repo.about.Lifecycle = text
	return lifecycleOutput{RegistryID: repo.registry.account.id, RepositoryName: repo.name, Text: text}, nil
}

// compacted is JSON without white space, as lifecycle policies are returned.
func compacted(text string) string {
	var document json.RawMessage
	if json.Unmarshal([]byte(text), &document) != nil {
		return text
	}
	out, err := json.Marshal(document)
	if err != nil {
		return text
	}
	return string(out)
}

func deleteLifecyclePolicy(c *call, in *inRepository) (any, error) {
	repo, err := in.toWrite(c)
	if err != nil {
		return nil, err
	}
	repo.mu.Lock()
	defer repo.mu.Unlock()
	out, err := repo.lifecycle()
	repo.about.Lifecycle = ""
	return out, err
}

// preview is the dry run of a lifecycle policy. It answers IN_PROGRESS for a number of polls.
type preview struct {
	text    string
	polls   int
	results []previewResult
}

type previewResult struct {
	Tags         []string      `json:"imageTags,omitempty"`
	Digest       string        `json:"imageDigest"`
	PushedAt     *stamp        `json:"imagePushedAt,omitempty"`
	Action       previewAction `json:"action"`
	Priority     int           `json:"appliedRulePriority"`
	StorageClass string        `json:"storageClass,omitempty"`
}

type previewAction struct {
	Type   string `json:"type"`
	Target string `json:"targetStorageClass,omitempty"`
}

func startLifecyclePolicyPreview(c *call, in *lifecycleInput) (any, error) {
	repo, err := in.toWrite(c)
	if err != nil {
		return nil, err
	}
	repo.mu.Lock()
	defer repo.mu.Unlock()
	text := in.Text
	if text == "" {
		text = repo.about.Lifecycle
	}
	if text == "" {
		return nil, repo.noLifecycle()
	}
	if err := lifecycleError(text); err != nil {
		return nil, err
	}
	if repo.preview != nil && repo.preview.polls > 0 {
		return nil, failure("LifecyclePolicyPreviewInProgressException",
			"Lifecycle policy preview is in progress for the repository with name '%s' in the registry with id '%s'", repo.name, repo.registry.account.id)
	}
	repo.preview = &preview{text: text, polls: c.org.options.PreviewPolls, results: repo.simulate(text, c.org.Now())}
	return lifecycleOutput{RegistryID: repo.registry.account.id, RepositoryName: repo.name, Text: text, Status: "IN_PROGRESS"}, nil
}

type previewInput struct {
	inRepository
	paging
	ImageIDs []imageID   `json:"imageIds"`
	Filter   imageFilter `json:"filter"`
}

type previewOutput struct {
	lifecycleOutput
	Results   []previewResult `json:"previewResults"`
	Summary   previewSummary  `json:"summary"`
	NextToken string          `json:"nextToken,omitempty"`
}

type previewSummary struct {
	Expiring      int                  `json:"expiringImageTotalCount"`
	Transitioning []transitioningCount `json:"transitioningImageTotalCounts,omitempty"`
}

type transitioningCount struct {
	Class string `json:"targetStorageClass"`
	Count int    `json:"imageTotalCount"`
}

func getLifecyclePolicyPreview(c *call, in *previewInput) (any, error) {
	repo, err := in.toRead(c)
	if err != nil {
		return nil, err
	}
	if in.ImageIDs != nil && (in.MaxResults != nil || in.NextToken != "") {
		return nil, invalid("imageIds", "must not be specified together with maxResults or nextToken")
	}
	repo.mu.Lock()
	defer repo.mu.Unlock()
	p := repo.preview
	if p == nil {
		return nil, failure("LifecyclePolicyPreviewNotFoundException",
			"Lifecycle policy preview does not exist for the repository with name '%s' in the registry with id '%s'", repo.name, repo.registry.account.id)
	}
	out := previewOutput{Results: []previewResult{}}
	out.lifecycleOutput = lifecycleOutput{RegistryID: repo.registry.account.id, RepositoryName: repo.name, Text: p.text, Status: "COMPLETE"}
	if p.polls > 0 {
		p.polls--
		out.Status = "IN_PROGRESS"
		return out, nil
	}
	out.Summary = p.summary()
	return p.page(c, in, out)
}

func (p *preview) summary() previewSummary {
	var s previewSummary
	transitioning := 0
	for _, r := range p.results {
		if r.Action.Type == "EXPIRE" {
			s.Expiring++
		} else {
			transitioning++
		}
	}
	if transitioning > 0 {
		s.Transitioning = []transitioningCount{{"ARCHIVE", transitioning}}
	}
	return s
}

// page adds the results that an input asks for.
func (p *preview) page(c *call, in *previewInput, out previewOutput) (any, error) {
	found := map[string]previewResult{}
	for _, r := range p.results {
		if in.selects(r) {
			found[r.Digest] = r
		}
	}
	page, next, err := pageOf(c, in.paging, in.RepositoryName+in.Filter.String(), sortedKeys(found), 100, 100)
	if err != nil {
		return nil, err
	}
	for _, digest := range page {
		out.Results = append(out.Results, found[digest])
	}
	out.NextToken = next
	return out, nil
}

func (in *previewInput) selects(r previewResult) bool {
	if !(imageFilter{TagStatus: in.Filter.TagStatus, ImageStatus: "ANY"}).selects(&Image{Tags: r.Tags}, time.Time{}) {
		return false
	}
	for _, id := range in.ImageIDs {
		if id.Digest == r.Digest || id.Tag != "" && slices.Contains(r.Tags, id.Tag) {
			return true
		}
	}
	return in.ImageIDs == nil
}
