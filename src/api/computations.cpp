#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/answers.hpp"
#include "api/body.hpp"
#include "api/computation.hpp"
#include "api/documents.hpp"
#include "api/find_run.hpp"
#include "api/handlers.hpp"
#include "scheduling/start.hpp"
#include "scheduling/stop.hpp"
#include "scheduling/why.hpp"
#include "wire/plans.hpp"
#include "wire/views.hpp"

namespace baton::api {
namespace {

using nlohmann::json;

/// Each message of a run carries its metadata: names of more nodes than these are not worth that (readers fall back on the ids).
constexpr std::size_t named_nodes_max = 1000;
/// And what a request says of itself beside.
constexpr std::size_t given_bytes_max = 65'536;

/// What a start asks for.
struct Wish {
  UserId user;
  ProjectId project;
  bool start = false;
  std::vector<std::string> subgraph;
  bool force = false, keep_going = false, simulated = false;
  std::string collection;
};

Result<Wish> wish_of(Body& body) {
  Wish wish{.user = body.user(), .project = ProjectId(body.uuid("project_id", true))};
  wish.start = body.flag("start_pipeline");
  wish.subgraph = body.texts("subgraph");
  wish.force = body.flag("force_restart");
  wish.keep_going = body.flag("keep_going");
  wish.simulated = body.flag("simulate");
  wish.collection = body.uuid("collection_run_id");
  if (body.json().contains("collection_run_id") && wish.start == wish.collection.empty())
    body.complain("collection_run_id", "goes with \"start_pipeline\": true, and only with it");
  if (body.error()) return fail(*body.error());
  return wish;
}

/// C§5.7: the request as it was given, but for what stands elsewhere (columns of the run) and for secrets.
std::string metadata_of(json given, const Document& document) {
  for (const auto* member : {"user_id", "project_id", "start_pipeline", "subgraph", "force_restart", "keep_going", "simulate",
                             "collection_run_id", "encryption", "use_on_demand_clusters"})
    given.erase(member);
  const auto wallet = given.find("wallet_info");
  if (wallet != given.end()) {
    if (wallet->is_object())
      for (const auto* member : {"wallet_id", "wallet_name"})
        if (wallet->contains(member)) given[member] = (*wallet)[member];
    given.erase("wallet_info");
  }
  given["project_name"] = document.name;
  const auto& nodes = document.project.nodes;
  if (nodes.size() <= named_nodes_max) {
    auto& names = given["node_id_names_map"] = json::object();
    for (const auto& node : nodes) names[node.id.value()] = node.step->label.empty() ? node.id.value() : node.step->label;
  }
  return wire::dump(given);
}

Result<Request> request_of(const Wish& wish, Document& document, const json& given) {
  auto nodes = chosen(document.project, wish.subgraph);
  if (!nodes) return fail(nodes.error());
  auto about = given;
  if (about.is_object()) about.erase("subgraph");
  const auto kept = given.is_null() ? std::string() : wire::dump(about);
  if (kept.size() > given_bytes_max)
    return fail({.code = "api.invalid",
                 .what = "the request says more about itself than is kept with a run (" + std::to_string(kept.size()) + " bytes)",
                 .where = "the body",
                 .way_out = "at most " + std::to_string(given_bytes_max) + " bytes beside `subgraph`"});
  if (kept.find("\\u0000") != std::string::npos)
    return fail(
        {.code = "api.invalid", .what = "a text holds the character NUL, which is not kept", .where = "the body", .way_out = {}});
  auto metadata = given.is_null() ? std::string() : metadata_of(given, document);
  return Request{.project = std::move(document.project),
                 .user = wish.user,
                 .id = wish.project,
                 .selection = {.nodes = std::move(*nodes), .force = wish.force},
                 .keep_going = wish.keep_going,
                 .simulated = wish.simulated,
                 .collection = wish.collection,
                 .metadata = std::move(metadata),
                 .unfinished = Unfinished::refuse};
}

struct Outcome {
  unsigned status = 201;
  std::optional<core::RunKey> run;
  bool joined = false;
  core::Plan plan;
};

/// C§6.2: only creates or updates; a project with an unfinished run is not touched.
awaitable<Result<Outcome>> only_plan(Place& place, const Request& request) {
  const auto newest = co_await place.store.runs(request.id, 1);
  if (!newest) co_return fail(newest.error());
  if (!newest->empty() && !core::is_final(newest->front().record.result))
    co_return fail({.code = "run.unfinished",
                    .what = "run " + std::to_string(newest->front().key.iteration.value()) + " of the project is not finished",
                    .where = core::to_text(newest->front().key),
                    .way_out = "wait for its end, or stop it"});
  auto planned = co_await plan_request(place.store, place.files, request);
  if (!planned) co_return fail(planned.error());
  Outcome outcome{.plan = std::move(planned->plan)};
  if (!newest->empty()) outcome.run = newest->front().key;
  co_return outcome;
}

/// Whether this start, sent again, joins the run that it began: the unfinished one is the project's newest.
awaitable<bool> joins(Place& place, const Request& request) {
  if (request.collection.empty()) co_return false;
  const auto newest = co_await place.store.runs(request.id, 1);
  co_return newest && !newest->empty() && newest->front().collection == request.collection;
}

awaitable<Result<Outcome>> start(Place& place, const Request& request) {
  if (auto why = place.refuses(request.user)) {
    const auto again = co_await joins(place, request);
    if (!again) co_return fail(std::move(*why));
  }
  if (request.collection.empty()) {  // C§6.2: nothing to run is told before the id is missed
    const auto planned = co_await plan_request(place.store, place.files, request);
    if (!planned) co_return fail(planned.error());
    if (!planned->plan.nodes.empty())
      co_return fail({.code = "api.invalid",
                      .what = "'collection_run_id' is missing",
                      .where = "collection_run_id",
                      .way_out = "make a random UUID for each start, and send the same one when the start is repeated"});
  }
  auto started = co_await start_run(place.runtime, place.store, place.files, place.wakeups, request, place.host);
  if (!started) co_return fail(started.error());
  Outcome outcome{.run = started->run, .joined = started->resumed, .plan = std::move(started->planned.plan)};
  if (!outcome.run) outcome.status = 200;
  if (outcome.run && !outcome.joined) place.did("started", *outcome.run);
  co_return outcome;
}

awaitable<Result<json>> shown_of(Place& place, const Request& request, const Outcome& outcome, std::optional<RunView> run) {
  if (outcome.joined) {
    auto details = co_await details_of_run(place, request.id, std::move(run));
    co_return details;
  }
  const auto nodes = co_await place.store.nodes(request.id);
  if (!nodes) co_return fail(nodes.error());
  co_return details_of_plan(request.project, outcome.plan, *nodes);
}

}  // namespace

awaitable<Result<Answer>> start_computation(Place& place, Call call) {
  Body body(call);
  const auto wish = wish_of(body);
  if (!wish) co_return fail(wish.error());
  auto document = co_await load_document(place, wish->user, wish->project);
  if (!document) co_return fail(document.error());
  const auto request = request_of(*wish, *document, body.json());
  if (!request) co_return fail(request.error());

  Result<Outcome> outcome;
  if (wish->start) outcome = co_await start(place, *request);
  if (!wish->start) outcome = co_await only_plan(place, *request);
  if (!outcome) co_return fail(outcome.error());

  std::optional<RunView> run;
  if (outcome->run) {
    auto view = co_await place.store.run(*outcome->run);
    if (!view) co_return fail(view.error());
    run = std::move(*view);
  }
  auto details = co_await shown_of(place, *request, *outcome, run);
  if (!details) co_return fail(details.error());
  auto told = computation(call, wish->user, wish->project, run, std::move(*details));
  if (outcome->status == 200) {  // nothing has to run: the state is that of the newest run (AP-19)
    const auto newest = co_await place.store.runs(wish->project, 1);
    if (!newest) co_return fail(newest.error());
    if (!newest->empty()) {
      told["state"] = core::to_text(newest->front().record.result);
      told["iteration"] = newest->front().key.iteration.value();
    }
  }
  told["to_run"] = outcome->plan.nodes.size();
  told["nodes"] = request->project.nodes.size();
  co_return json_answer(outcome->status, told);
}

awaitable<Result<Answer>> get_computation(Place& place, Call call) {
  const auto about = about_of(call);
  if (!about) co_return fail(about.error());
  auto run = co_await find_run(place, *about);
  if (!run) co_return fail(run.error());
  auto details = co_await details_of_run(place, about->project, *run);
  if (!details) co_return fail(details.error());
  co_return json_answer(200, computation(call, about->user, about->project, *run, std::move(*details)));
}

awaitable<Result<Answer>> stop_computation(Place& place, Call call) {
  auto project = project_of(call);
  if (!project) co_return fail(project.error());
  Body body(call);
  About about{.user = body.user(), .project = std::move(*project)};
  const auto iteration = body.number("iteration");
  const bool kill = body.flag("kill");
  body.refuse_others();
  if (body.error()) co_return fail(*body.error());
  if (iteration) about.iteration = Iteration(*iteration);
  auto run = co_await find_run(place, about);
  if (!run) co_return fail(run.error());
  if (*run) {
    const auto stopped = co_await stop_run(place.store, place.wakeups, (*run)->key);
    if (!stopped) co_return fail(stopped.error());
    place.did("stop", (*run)->key);
    if (kill) place.kill((*run)->key);
  }
  auto details = co_await details_of_run(place, about.project, *run);
  if (!details) co_return fail(details.error());
  auto told =
      computation(call, about.user, about.project, *run, std::move(*details));  // the state is that before the stop (C§6.4)
  told["stop_url"] = nullptr;
  co_return json_answer(202, told);
}

awaitable<Result<Answer>> plan_computation(Place& place, Call call) {
  auto project = project_of(call);
  if (!project) co_return fail(project.error());
  Body body(call);
  Wish wish{.user = body.user(), .project = std::move(*project)};
  wish.subgraph = body.texts("subgraph");
  wish.force = body.flag("force_restart");
  wish.simulated = body.flag("simulate");
  body.refuse_others();
  if (body.error()) co_return fail(*body.error());
  auto document = co_await load_document(place, wish.user, wish.project);
  if (!document) co_return fail(document.error());
  const auto request = request_of(wish, *document, nullptr);
  if (!request) co_return fail(request.error());
  const auto planned = co_await plan_request(place.store, place.files, *request);
  if (!planned) co_return fail(planned.error());
  co_return Answer{.status = 200, .body = wire::plan_json(request->project, planned->plan)};
}

awaitable<Result<Answer>> explain_computation(Place& place, Call call) {
  auto project = project_of(call);
  if (!project) co_return fail(project.error());
  Body body(call);
  const Wish wish{.user = body.user(), .project = std::move(*project)};
  const auto words = body.texts("nodes");
  body.refuse_others();
  if (body.error()) co_return fail(*body.error());
  auto document = co_await load_document(place, wish.user, wish.project);
  if (!document) co_return fail(document.error());
  auto nodes = chosen(document->project, words);
  if (!nodes) co_return fail(nodes.error());
  const auto request = request_of(wish, *document, nullptr);
  if (!request) co_return fail(request.error());
  const auto now = place.runtime.wall();
  const auto explained = co_await explain_nodes(place.store, place.files, *request, std::move(*nodes), now);
  if (!explained) co_return fail(explained.error());
  co_return Answer{.status = 200, .body = wire::why_json(*explained)};
}

}  // namespace baton::api
