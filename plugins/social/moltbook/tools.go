package main

import (
	"slices"

	"github.com/ambithost/ambit/sdk"
)

// tools repeats plugin.yaml for hosts that ask the plugin; a test compares the two.
func tools() []sdk.Tool {
	return slices.Concat(accountTools(), readingTools(), publishingTools(), messageTools())
}

func accountTools() []sdk.Tool {
	return []sdk.Tool{
		{Name: "register", Handle: register,
			Description: "Make an account on Moltbook for this agent. The key is kept by the host as a secret that nobody sees. The answer holds a link with which the owner claims the account: tell it to the owner and to nobody else.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}, "name": {"type": "string", "description": "Name of the account: 2 to 32 of a-z, 0-9, _.", "minLength": 2, "maxLength": 32, "examples": ["sample_agent"]}, "description": {"type": "string", "description": "What the agent is, for everybody to read.", "maxLength": 500}}, "required": ["source", "name", "description"], "additionalProperties": false}`},
		{Name: "status", Handle: status,
			Description: "Tell whether the account is claimed by its owner yet, and if not, with which link it is.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}}, "required": ["source"], "additionalProperties": false}`},
		{Name: "me", Handle: me,
			Description: "Show this agent's own profile.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}}, "required": ["source"], "additionalProperties": false}`},
		{Name: "update_profile", Handle: updateProfile,
			Description: "Change what this agent's profile says, for everybody to read.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}, "description": {"type": "string", "description": "The new description.", "maxLength": 500}}, "required": ["source", "description"], "additionalProperties": false}`},
		{Name: "profile", Handle: profile,
			Description: "Show another agent's profile and newest posts.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}, "name": {"type": "string", "description": "Name of the agent.", "examples": ["sample_agent"]}}, "required": ["source", "name"], "additionalProperties": false}`},
		{Name: "follow", Handle: follow,
			Description: "Follow an agent, or stop to.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}, "name": {"type": "string", "description": "Name of the agent.", "examples": ["sample_agent"]}, "undo": {"type": "boolean", "description": "Stop following. False when absent."}}, "required": ["source", "name"], "additionalProperties": false}`},
		{Name: "subscribe", Handle: subscribe,
			Description: "Subscribe to a submolt, or stop to.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}, "name": {"type": "string", "description": "Name of the submolt.", "examples": ["general"]}, "undo": {"type": "boolean", "description": "Unsubscribe. False when absent."}}, "required": ["source", "name"], "additionalProperties": false}`},
	}
}

func readingTools() []sdk.Tool {
	return []sdk.Tool{
		{Name: "home", Handle: home,
			Description: "Show the dashboard: what is new for this agent. Only newer servers have one.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}}, "required": ["source"], "additionalProperties": false}`},
		{Name: "feed", Handle: feed,
			Description: "Read the newest posts of the submolts that this agent subscribes to and of the agents it follows.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}, "sort": {"type": "string", "description": "Order: hot, new, top or rising. new when absent.", "enum": ["hot", "new", "top", "rising"]}, "limit": {"type": "integer", "minimum": 1, "maximum": 50, "description": "How many at most. 15 when absent."}, "page": {"type": "string", "description": "Where to go on, as the last answer said after \"more:\".", "maxLength": 300}, "following": {"type": "boolean", "description": "Only of those whom it follows; newer servers only."}}, "required": ["source"], "additionalProperties": false}`},
		{Name: "posts", Handle: posts,
			Description: "Read posts of everybody, or of one submolt.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}, "submolt": {"type": "string", "description": "Name of the submolt. All when absent."}, "sort": {"type": "string", "description": "Order: hot, new, top or rising. new when absent.", "enum": ["hot", "new", "top", "rising"]}, "limit": {"type": "integer", "minimum": 1, "maximum": 50, "description": "How many at most. 15 when absent."}, "page": {"type": "string", "description": "Where to go on, as the last answer said after \"more:\".", "maxLength": 300}}, "required": ["source"], "additionalProperties": false}`},
		{Name: "read", Handle: read,
			Description: "Read one post with its comments.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}, "post": {"type": "string", "description": "Id of the post.", "examples": ["0f5d6f0e-1111-4222-8333-444455556666"]}}, "required": ["source", "post"], "additionalProperties": false}`},
		{Name: "submolts", Handle: submolts,
			Description: "List the submolts, or show one.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}, "name": {"type": "string", "description": "Name of the one to show."}}, "required": ["source"], "additionalProperties": false}`},
		{Name: "search", Handle: search,
			Description: "Search for posts and comments. The words go to the server.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}, "query": {"type": "string", "description": "What to look for.", "maxLength": 500}}, "required": ["source", "query"], "additionalProperties": false}`},
		{Name: "notifications", Handle: notifications,
			Description: "Read what happened to this agent's posts and account. Newer servers only.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}}, "required": ["source"], "additionalProperties": false}`},
		{Name: "mark_read", Handle: markRead,
			Description: "Mark notifications as read: those of one post, or all. Newer servers only.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}, "post": {"type": "string", "description": "Id of the post. All when absent."}}, "required": ["source"], "additionalProperties": false}`},
	}
}

func publishingTools() []sdk.Tool {
	return []sdk.Tool{
		{Name: "post", Handle: post,
			Description: "Publish a post: a text, or a link with an empty text.",
			Input:       `{"type": "object", "properties": {"place": {"type": "string", "description": "Name of the submolt where it appears.", "examples": ["general"]}, "title": {"type": "string", "description": "The title.", "minLength": 1, "maxLength": 300}, "text": {"type": "string", "description": "What the post says. Empty for a link.", "maxLength": 40000}, "url": {"type": "string", "description": "The link, instead of a text."}}, "required": ["place", "title", "text"], "additionalProperties": false}`},
		{Name: "comment", Handle: comment,
			Description: "Publish a comment on a post, or an answer to a comment.",
			Input:       `{"type": "object", "properties": {"place": {"type": "string", "description": "Name of the submolt where the post is.", "examples": ["general"]}, "post": {"type": "string", "description": "Id of the post.", "examples": ["0f5d6f0e-1111-4222-8333-444455556666"]}, "parent": {"type": "string", "description": "Id of the comment that is answered."}, "text": {"type": "string", "description": "What the comment says.", "maxLength": 10000}}, "required": ["place", "post", "text"], "additionalProperties": false}`},
		{Name: "create_submolt", Handle: createSubmolt,
			Description: "Make a new submolt.",
			Input:       `{"type": "object", "properties": {"place": {"type": "string", "description": "Its name: 2 to 24 of a-z, 0-9, - and _.", "examples": ["sample-place"]}, "display_name": {"type": "string", "description": "Its name as it is shown.", "maxLength": 50}, "text": {"type": "string", "description": "What it is about.", "maxLength": 500}}, "required": ["place", "display_name", "text"], "additionalProperties": false}`},
		{Name: "vote", Handle: vote,
			Description: "Vote on somebody's post or comment. The same vote again takes it back.",
			Input:       `{"type": "object", "properties": {"post": {"type": "string", "description": "Id of the post.", "examples": ["0f5d6f0e-1111-4222-8333-444455556666"]}, "comment": {"type": "string", "description": "Id of the comment, instead of a post."}, "down": {"type": "boolean", "description": "Vote down; for posts only. Up when absent."}}, "additionalProperties": false}`},
		{Name: "delete", Handle: remove,
			Description: "Delete one of this agent's own posts or comments for good.",
			Input:       `{"type": "object", "properties": {"post": {"type": "string", "description": "Id of the post."}, "comment": {"type": "string", "description": "Id of the comment, instead of a post."}}, "additionalProperties": false}`},
		{Name: "verify", Handle: verify,
			Description: "Answer the challenge that the server gave with something new, so that it is shown. Work the answer out; guessing gets the account suspended.",
			Input:       `{"type": "object", "properties": {"code": {"type": "string", "description": "The verification code.", "examples": ["moltbook_verify_sample"]}, "answer": {"type": "string", "description": "A number with two decimal places, such as 15.00.", "maxLength": 20, "examples": ["15.00"]}}, "required": ["code", "answer"], "additionalProperties": false}`},
	}
}

func messageTools() []sdk.Tool {
	return []sdk.Tool{
		{Name: "messages", Handle: messages,
			Description: "Show requests for a conversation that wait, and the conversations there are. Newer servers only.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}}, "required": ["source"], "additionalProperties": false}`},
		{Name: "conversation", Handle: conversation,
			Description: "Read the messages with one agent. That marks them as read.",
			Input:       `{"type": "object", "properties": {"source": {"type": "string", "enum": ["moltbook"], "description": "Which network: moltbook."}, "name": {"type": "string", "description": "Name of the other agent.", "examples": ["sample_agent"]}}, "required": ["source", "name"], "additionalProperties": false}`},
		{Name: "request_conversation", Handle: requestConversation,
			Description: "Ask an agent for a conversation; its owner has to agree.",
			Input:       `{"type": "object", "properties": {"recipients": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1, "description": "Name of the one agent who gets it."}, "text": {"type": "string", "description": "Why, in 10 to 1000 characters.", "minLength": 10, "maxLength": 1000}}, "required": ["recipients", "text"], "additionalProperties": false}`},
		{Name: "message", Handle: message,
			Description: "Send a message in a conversation that both sides agreed to.",
			Input:       `{"type": "object", "properties": {"recipients": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1, "description": "Name of the one agent who gets it."}, "text": {"type": "string", "description": "The message.", "minLength": 1, "maxLength": 10000}, "needs_human": {"type": "boolean", "description": "Ask for the other's human."}}, "required": ["recipients", "text"], "additionalProperties": false}`},
		{Name: "answer_request", Handle: answerRequest,
			Description: "Agree to an agent's request for a conversation, or decline it. Whether to agree is the owner's decision.",
			Input:       `{"type": "object", "properties": {"who": {"type": "string", "description": "Name of the agent who asked.", "examples": ["sample_agent"]}, "agree": {"type": "boolean", "description": "True to agree."}, "block": {"type": "boolean", "description": "When declining: refuse later requests too."}}, "required": ["who", "agree"], "additionalProperties": false}`},
	}
}
