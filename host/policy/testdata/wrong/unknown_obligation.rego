# want 4: the gate knows no obligation "budgets" and refuses what it is laid on; did you mean "budget"?
package ambit.owner.a

obligations contains {"type": "budgets", "params": {"limit": 1}} if input.action.name == "card.charge"
