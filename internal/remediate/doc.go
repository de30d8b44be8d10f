// Package remediate mends what findings show, so that one dares to use it on
// production.
//
// A [Plan] is data. It lists changes; each says what was seen, what it becomes,
// why, who loses access and what would expire. It is shown, reviewed and then
// applied exactly: [Planner] makes it from findings without calling AWS, and
// [Apply] carries it out.
//
// A [Change] is a list of steps on aspects (aspect.go): things of a registry, a
// repository or an image that are read and written as a whole, such as a
// repository policy or the image that a tag points to. That is all the engine
// knows. For each step it reads the aspect and compares it with what the plan
// saw, in meaning; writes down in the [Journal] what it found, and syncs that
// to the disk; writes; and reads back. What differs from the plan is left
// alone. An answer that was lost is looked after before anything is repeated.
//
// So undo needs no knowledge of kinds of changes either: it takes the steps
// of a run from the journal, newest first, turns each around and carries it out
// in the same way, with a journal of its own. It works after a crash between
// any two calls, because what was about to be written is in the journal before
// it is written, and a step that was never carried out compares as undone.
//
// No fix deletes an image. ECR deletes an image with its last tag, so an image
// that is about to lose it is first parked under a quarantine tag, and the
// aspect of a tag refuses to take away the last one, whoever asks. Only
// quarantine purge deletes, and only what is parked.
package remediate
