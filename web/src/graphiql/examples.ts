/** What the page opens with: a tab for each, which has the name of its operation. */

export interface Example {
  query: string;
  variables: string;
}

const SIZE = `
# How many contacts have spent more than 50
# and were never texted?
#
# The rule is the variable below. It has one
# key: "all", "any", "not", or a criterion.
# "parts" counts the rule, and each part alone.
#
# The button runs this; so does Ctrl-Enter.
# Try another amount, or "any" for "all".
# On the left are the docs of every field.

query SizeOfARule($rule: RuleInput!) {
  segmentSize(rule: $rule) {
    members
    textable
    contacts
    share
    parts {
      path
      summary
      members
    }
  }
}
`;

const CRITERIA = `
# What can a rule ask?
#
# A criterion has the "operators" to compare
# with, the "fields" that go with each, and an
# "example", which is a valid rule as it stands.
#
# The segment builder makes its forms from this
# answer. So criteria that plugins add are in
# both. criteria(search: "order") finds a few.

query Criteria {
  criteria {
    key
    label
    group
    description
    operators {
      name
      label
      fields
    }
    fields {
      name
      label
      kind
      required
      multiple
    }
    example
  }
}
`;

const LIVE = `
# The same size, live: it comes at once, and
# again whenever it has changed.
#
# It comes over a WebSocket, with the token
# that is under Headers, until the button is
# pressed again or another tab is opened.
#
# Meanwhile, record a fact in another window:
# the mutation textsRecord is one way.

subscription LiveSize($rule: RuleInput!) {
  segmentSize(rule: $rule) {
    members
    contacts
    asOf
  }
}
`;

// Laid out by hand, so that it is seen without scrolling.
const RULE = `
{
  "rule": { "all": [
    { "spend": { "operator": "GREATER_THAN",
                 "amount": "50.00" } },
    { "textsReceived": { "operator": "EQUALS",
                         "count": 0 } }
  ] }
}
`;

function example(query: string, variables = ''): Example {
  return { query: query.trimStart(), variables: variables.trim() };
}

export const examples: readonly [Example, ...Example[]] = [
  example(SIZE, RULE),
  example(CRITERIA),
  example(LIVE, RULE),
];
