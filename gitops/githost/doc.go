// Package githost talks to the git host about what is not in git: pull requests, what is said about them, statuses of
// commits, and webhooks.
//
// Client is the ports Reviews and Conversations of one repository at GitHub, GitLab, Gitea or Bitbucket. It looks before
// it writes, so that every call may be repeated: after a lost answer the next call finds what the first one made. Two
// replicas that create at the same moment both find two afterwards, and both keep the first. Its token needs to read and
// write pull requests, their comments and statuses of commits, and to read files and its own user. Nothing here can tell
// whether a merge was allowed: that is for the host's branch protection, and for whoever asks for an Arrival.
//
// Receiver takes webhooks, which only say that there may be something to fetch: no decision rests on what a webhook says,
// so a lost, repeated, late, reordered or forged delivery does no harm. A request is authenticated before its body is
// parsed; its size, the time it may take and how many are read at once are bounded before it is read.
//
// Gitea is tested with a real one, and GitHub's calls are the same but for the few places that say so. What is sent to
// GitLab and Bitbucket was written from their documentation and is tested against answers of that form only.
package githost
