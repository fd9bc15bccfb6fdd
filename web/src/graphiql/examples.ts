/** The example operations: each opens in a tab named after it. */

export interface Example {
  query: string;
  variables: string;
}

const SIZE = `
# How many contacts have spent more than 50
# and have never received a text?
#
# The rule is the variable below. It has one
# key: "all", "any", "not", or a criterion.
# "parts" counts the rule and each part alone.
#
# Run it with the button or Ctrl-Enter. Then
# change the amount, or "all" to "any". The
# docs of every field are on the left.

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
# Which criteria can a rule use?
#
# Each criterion lists its "operators", the
# "fields" that go with each operator, and an
# "example": a complete, valid rule.
#
# The segment builder creates its forms from
# this response, so criteria from plugins show
# up here and there. Search for some of them
# with criteria(search: "order").

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
# The size of the first tab, live: you get it
# at once and again after every change.
#
# It arrives over a WebSocket, with the token
# under Headers, until you press the button
# again or open another tab.
#
# To see a change, record data in another
# window, for example with textsRecord.

subscription LiveSize($rule: RuleInput!) {
  segmentSize(rule: $rule) {
    members
    contacts
    asOf
  }
}
`;

// Formatted by hand to fit the editor without scrolling.
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
