package control

import "github.com/ambithost/ambit/sdk/protocol"

// maxBatch is how many approvals one word may answer: what a person reads.
const maxBatch = 50

func (x *exchange) answers(req BatchRequest) (List[Approval], error) {
	if len(req.Answers) == 0 || len(req.Answers) > maxBatch {
		return List[Approval]{}, protocol.Errorf(protocol.Invalid, "answers: want 1 to %d approvals", maxBatch)
	}
	for _, a := range req.Answers {
		if err := checkShort("approval", a.ID); err != nil {
			return List[Approval]{}, err
		}
		if a.Digest == "" {
			return List[Approval]{}, protocol.Errorf(protocol.Invalid, "approval %s: say the digest of what was shown", a.ID)
		}
	}
	items, err := x.AnswerApprovals(x.whole(), req)
	return List[Approval]{items}, err
}
