-- What effects take of budgets. Times as in 0001. A released charge is deleted.
CREATE TABLE charges (
    effect  TEXT NOT NULL,
    account TEXT NOT NULL, -- unit and whose, as host/budget writes it
    unit    TEXT NOT NULL,
    amount  INTEGER NOT NULL CHECK (amount >= 0),
    state   TEXT NOT NULL CHECK (state IN ('reserved', 'spent', 'unknown')),
    at      INTEGER NOT NULL, -- when it was settled; 0 while reserved
    PRIMARY KEY (effect, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX charges_account ON charges (account, at, amount);
CREATE INDEX charges_open ON charges (state, at) WHERE state <> 'spent';
