// Package repo keeps one bare clone of the values repository on disk, up to date over HTTP or SSH, and commits to
// its branches.
//
// Fetch brings the clone up to the remote's branches and tells what moved. Tree reads any commit without a work tree.
// Commit makes a commit by hand, touching only the directories that change, and pushes it with a lease: it lands
// only if the branch still stands where the change was decided. Merge does the same with two parents, and takes by path
// what Divergence says that only the other side changed. Propose writes over what others have
// put there, and with DeleteBranch reaches only the branches of advance/.
//
// What a caller can count on:
//
//   - On an error nothing was delivered: heads are those of the last successful Fetch, and the next one tells
//     everything that moved since.
//   - The clone is a cache. A damaged one is noticed, on opening or while reading, and the next Fetch makes a new one
//     and says so in Update.Recovered.
//   - Fetch never removes an object, so a commit that was handed out stays readable after its branch was rewritten;
//     only a new clone forgets it, and then reading it gives failure.ErrNotFound.
//   - A Repository is safe for concurrent use. Reading does not wait for the network.
//   - Credentials are in no error.
//
// Moved is a hint where to look, not a record: a process that ends between Fetch and acting on its Update does not
// see the same moves again. So look at all heads after a start.
package repo
