import { describe, test } from "vitest";
import { eligibility, type EligibilityFacts } from "../../core/eligibility.ts";
import type { Agent } from "../../schemas/directory.ts";
import type { Voter } from "../../core/quorum.ts";
import { standingOf } from "../../core/standing.ts";
import { type Graph, graphOf, now, randomOf, Truth } from "../support/identity-graphs.ts";
import { proven } from "../support/proof.ts";

/**
 * Random identity graphs: aliases, delegations, owners, agents that act for agents, people acted for. Nobody decides on what is their
 * own under any name, and no quorum is fewer people than it says. HOLDPOINT_GRAPHS says how many, HOLDPOINT_SEED where they begin.
 */
const count = Number(process.env["HOLDPOINT_GRAPHS"] ?? "150000");
const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 1_000_000_007);

/** What the product says of a ballot: who was let vote, and whether it is enough. */
type Said = { readonly voters: readonly Voter[]; readonly approved: boolean };
type Product = (graph: Graph) => Said;

const factsOf = (
  { directory, requester, payloadAuthors, contract }: Graph,
  person: string,
): EligibilityFacts => ({
  person,
  requester,
  digestOk: true,
  directory,
  contract,
  target: { resource: "orders-db" },
  now,
  payloadAuthors,
});

const said = (graph: Graph, voters: readonly Voter[]): Said => {
  const { rule, risk, deny } = graph.contract;
  const { approved } = standingOf([{ rule, risk, deny, approvals: voters, denials: [] }]);
  return { voters, approved };
};

const votersOf = (graph: Graph): Voter[] =>
  graph.ballot.flatMap((person) => {
    const verdict = eligibility(factsOf(graph, person));
    return verdict.eligible ? [verdict.voter] : [];
  });

const product: Product = (graph) => said(graph, votersOf(graph));

type Tally = {
  selfApprovals: number;
  short: number;
  missed: number;
  approved: number;
  barred: number;
  graphs: number;
};

function campaign(judge: Product, graphs: number, first: number): Tally {
  const random = randomOf(first);
  const tally: Tally = { selfApprovals: 0, short: 0, missed: 0, approved: 0, barred: 0, graphs };
  for (let index = 0; index < graphs; index++) {
    const graph = graphOf(random);
    const truth = new Truth(graph);
    const { voters, approved } = judge(graph);
    if (voters.some(({ person }) => truth.isBarred(person))) tally.selfApprovals += 1;
    if (graph.ballot.some((person) => truth.isBarred(person))) tally.barred += 1;
    const right = truth.isQuorum(graph.ballot);
    if (approved && !right) tally.short += 1;
    if (!approved && right) tally.missed += 1;
    if (approved) tally.approved += 1;
  }
  return tally;
}

describe("T7 random identity graphs", () => {
  test(
    `${count} of them: no self-approval, no short quorum, and the matching equals brute force`,
    { timeout: 3_600_000 },
    ({ expect }) => {
      console.info(`identity graphs: seed ${seed}, ${count} graphs`);
      const tally = campaign(product, count, seed);
      console.info(JSON.stringify(tally));
      expect(tally, `seed ${seed}`).toMatchObject({ selfApprovals: 0, short: 0, missed: 0 });
      // Enough of them could have gone wrong: somebody barred voted, and quorums were reached and missed.
      expect(tally.barred).toBeGreaterThan(count / 10);
      expect(tally.approved).toBeGreaterThan(count / 20);
      expect(tally.approved).toBeLessThan(count * 0.8);
      const notes = `${tally.barred} with a ballot of somebody barred, ${tally.approved} approved`;
      proven({ part: "identities", trials: count, seed, notes });
    },
  );

  const nobody = { kind: "agent", id: "agent:none", owner: "person:none" } as const;
  const controls: Record<string, [Product, keyof Tally]> = {
    "the exclusions": [
      (graph) => said(graph, votersOf({ ...graph, requester: nobody, payloadAuthors: [] })),
      "selfApprovals",
    ],
    "the aliases among the excluded": [
      (graph) => {
        const people = Object.fromEntries(
          Object.entries(graph.directory.people).map(([id, person]) => [id, { ...person, sameAs: [] }]),
        );
        return said(graph, votersOf({ ...graph, directory: { ...graph.directory, people } }));
      },
      "selfApprovals",
    ],
    "the owners of those an agent acts for": [
      (graph) => {
        const alone = Object.entries(graph.directory.agents).map(([id, agent]): [string, Agent] => {
          const { actsFor, ...rest } = agent;
          return [id, actsFor === undefined ? agent : rest];
        });
        const agents = Object.fromEntries(alone);
        return said(graph, votersOf({ ...graph, directory: { ...graph.directory, agents } }));
      },
      "selfApprovals",
    ],
    "the classes of people who count as one": [
      (graph) =>
        said(
          graph,
          votersOf(graph).map((voter) => ({ ...voter, identity: voter.person })),
        ),
      "short",
    ],
  };
  test.for(Object.entries(controls))(
    "would be found without %s",
    { timeout: 900_000 },
    ([, [judge, what]], { expect }) => {
      expect(campaign(judge, 20_000, seed)[what], `seed ${seed}`).toBeGreaterThan(0);
      proven({ part: "identities", controls: { found: 1, of: 1 } });
    },
  );
});
