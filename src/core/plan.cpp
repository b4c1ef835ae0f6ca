#include "core/plan.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "core/dag.hpp"
#include "core/key.hpp"

namespace baton::core {

namespace {

constexpr std::array<std::string_view, 8> kinds{"never-succeeded", "definition-changed", "input-changed", "output-missing",
                                                "output-changed",  "upstream-runs",      "forced",        "not-cached"};
static_assert(static_cast<std::size_t>(ReasonKind::not_cached) + 1 == kinds.size());

/// What is known of one input before the run.
struct Port {
  std::string digest;          ///< empty: not known
  std::vector<Index> running;  ///< producers that run
  [[nodiscard]] bool moves() const { return !running.empty(); }
};

class Planner {
 public:
  Planner(const Project& project, const Facts& facts, const Selection& selection)
      : project_(project), facts_(facts), selection_(selection), product_digests_(project.nodes.size()) {
    BATON_ASSERT(facts.history.size() == project.nodes.size());
    plan_.reasons.resize(project.nodes.size());
    plan_.keys.resize(project.nodes.size());
  }

  Plan make() {
    const auto dag = dag_of(project_);
    const auto order = topological_order(dag);
    BATON_ASSERT(order.size() == project_.nodes.size());
    const auto considered = marked(selection_.nodes.empty() ? order : ancestors_or_self(dag, selection_.nodes));
    forced_ = selection_.force ? marked(selection_.nodes.empty() ? order : selection_.nodes) : marked({});
    for (const auto index : order) {  // producers first: whether they run decides about their consumers
      if (considered[index] == 0) continue;
      judge(index);
      if (!plan_.reasons[index].empty()) plan_.nodes.push_back(index);
    }
    return std::move(plan_);
  }

 private:
  [[nodiscard]] std::vector<char> marked(const std::vector<Index>& nodes) const {
    std::vector<char> marks(project_.nodes.size(), 0);
    for (const auto node : nodes) marks[node] = 1;
    return marks;
  }
  [[nodiscard]] bool runs(Index index) const { return !plan_.reasons[index].empty(); }

  void judge(Index index) {
    const auto& node = project_.nodes[index];
    auto& key = plan_.keys[index];
    key.definition = node_digest(node, digest_of_step(node.step.get()));
    std::vector<Port> ports;
    ports.reserve(node.inputs.size());
    for (const auto& input : node.inputs) {
      ports.push_back(look_at(input));
      key.inputs.insert_or_assign(input.port, ports.back().digest);
    }

    Reasons reasons;
    judge_history(index, reasons);
    if (const auto* success = facts_.history[index].success.get()) {
      judge_key(node, key, ports, *success, reasons);
      judge_outputs(index, *success, reasons);
    }
    for (std::size_t i = 0; i < ports.size(); ++i) {
      if (ports[i].moves()) add(reasons, ReasonKind::upstream_runs, node.inputs[i].port, names_of(ports[i].running));
    }
    if (forced_[index] != 0) add(reasons, ReasonKind::forced, "", "it was asked for with --force");
    if (!node.step->cache) add(reasons, ReasonKind::not_cached, "", "'cache: false': it always runs");
    plan_.reasons[index] = std::move(reasons);
  }

  void judge_history(Index index, Reasons& reasons) const {
    const auto& history = facts_.history[index];
    if (history.state == State::failed) {
      add(reasons, ReasonKind::never_succeeded, "", "it failed when it was run last");
    } else if (!history.success) {
      add(reasons, ReasonKind::never_succeeded, "", "it has never succeeded");
    }
  }

  void judge_key(const Node& node, const Key& key, const std::vector<Port>& ports, const Success& success,
                 Reasons& reasons) const {
    if (key.definition != success.key.definition) {
      add(reasons, ReasonKind::definition_changed, "", "its definition changed " + since(success));
    }
    for (std::size_t i = 0; i < ports.size(); ++i) {
      if (ports[i].moves()) continue;  // what it will be is not known yet
      const auto& input = node.inputs[i];
      const auto recorded = success.key.inputs.find(input.port);
      if (recorded == success.key.inputs.end()) {
        add(reasons, ReasonKind::input_changed, input.port, "it is a new input " + since(success));
      } else if (success.simulated && ports[i].digest.empty() && recorded->second.empty()) {
        continue;  // simulated runs read no file and make no output, so there is nothing that could have changed
      } else if (ports[i].digest.empty()) {
        add(reasons, ReasonKind::input_changed, input.port, subject_of(input) + " could not be read");
      } else if (recorded->second.empty()) {
        add(reasons, ReasonKind::input_changed, input.port,
            subject_of(input) + " changed while run " + run_of(success) + " used it");
      } else if (recorded->second != ports[i].digest) {
        add(reasons, ReasonKind::input_changed, input.port, subject_of(input) + " changed " + since(success));
      }
    }
    for (const auto& [port, digest] : success.key.inputs) {
      if (!key.inputs.contains(port)) {
        add(reasons, ReasonKind::input_changed, port, "it is no longer an input, as it was in run " + run_of(success));
      }
    }
  }

  void judge_outputs(Index index, const Success& success, Reasons& reasons) const {
    for (const auto& product : success.products) {
      const auto* stamp = std::get_if<Stamp>(&product.content);
      if (stamp == nullptr) continue;
      const auto status = facts_.outputs.find({index, product.port});
      if (status == facts_.outputs.end() || status->second == OutputStatus::good) continue;
      if (status->second == OutputStatus::missing) {
        add(reasons, ReasonKind::output_missing, product.port, stamp->path + " is missing");
      } else {
        add(reasons, ReasonKind::output_changed, product.port, stamp->path + " is not what run " + run_of(success) + " made");
      }
    }
  }

  Port look_at(const Input& input) {
    if (const auto* literal = std::get_if<Literal>(&input.source)) return {.digest = sha256(literal->value.json)};
    if (const auto* param = std::get_if<Param>(&input.source)) return {.digest = sha256(param->value.json)};
    if (const auto* file = std::get_if<FileInput>(&input.source)) return {.digest = digest_of_file(file->path)};
    return look_at(std::get<From>(input.source));
  }

  Port look_at(const From& from) {
    BATON_ASSERT(from.gather || from.sources.size() == 1);
    Port port;
    std::vector<std::string> digests;
    for (const auto& source : from.sources) {
      if (source.given) {
        digests.push_back(digest_of(*source.given));
      } else if (runs(source.node)) {
        port.running.push_back(source.node);
      } else {
        digests.push_back(product_digest(source));
      }
    }
    const bool known = !port.moves() && std::ranges::none_of(digests, &std::string::empty);
    if (!known) return port;
    port.digest = from.gather ? gathered_digest(digests) : digests.front();
    return port;
  }

  /// Of a producer that does not run; empty if its last success had no such port. Each product is hashed once, however many read it.
  const std::string& product_digest(const From::Source& source) {
    static const std::string none;
    const auto& success = facts_.history[source.node].success;
    BATON_ASSERT(success != nullptr);  // else it would run
    auto& digests = product_digests_[source.node];
    if (digests.empty()) {
      for (const auto& product : success->products) digests.push_back(digest_of(product));
    }
    for (std::size_t i = 0; i < digests.size(); ++i) {
      if (success->products[i].port == source.port) return digests[i];
    }
    return none;
  }

  std::string digest_of_file(const std::string& path) const {
    const auto stamp = facts_.files.find(path);
    return stamp == facts_.files.end() ? "" : stamp->second.digest;
  }

  const std::string& digest_of_step(const Step* step) {
    const auto [place, is_new] = step_digests_.try_emplace(step);
    if (is_new) {
      std::vector<std::string> files;
      files.reserve(step->files.size());
      for (const auto& file : step->files) files.push_back(digest_of_file(file.path));
      place->second = step_digest(*step, files);
    }
    return place->second;
  }

  static void add(Reasons& reasons, ReasonKind kind, std::string port, std::string detail) {
    reasons.push_back({.kind = kind, .port = std::move(port), .detail = std::move(detail)});
  }
  static std::string run_of(const Success& success) { return std::to_string(success.iteration.value()); }
  static std::string since(const Success& success) { return "since run " + run_of(success); }

  [[nodiscard]] std::string name_of(const From::Source& source) const {
    return source.given ? source.port : project_.nodes[source.node].id.value() + "." + source.port;
  }

  [[nodiscard]] std::string subject_of(const Input& input) const {
    if (std::holds_alternative<Literal>(input.source)) return "its value";
    if (const auto* param = std::get_if<Param>(&input.source)) return "parameter '" + param->name + "'";
    if (const auto* file = std::get_if<FileInput>(&input.source)) return file->path;
    const auto& sources = std::get<From>(input.source).sources;
    if (sources.empty()) return "its list";
    const auto more = sources.size() - 1;
    return name_of(sources.front()) + (more == 0 ? "" : ", or one of " + std::to_string(more) + " more,");
  }

  [[nodiscard]] std::string names_of(const std::vector<Index>& nodes) const {
    constexpr std::size_t named_max = 3;
    std::string text;
    for (std::size_t i = 0; i < nodes.size() && i < named_max; ++i) {
      if (i > 0) text += i + 1 == nodes.size() ? " and " : ", ";
      text += project_.nodes[nodes[i]].id.value();
    }
    if (nodes.size() > named_max) text += " and " + std::to_string(nodes.size() - named_max) + " more";
    return text + (nodes.size() == 1 ? " runs" : " run");
  }

  const Project& project_;
  const Facts& facts_;
  const Selection& selection_;
  Plan plan_;
  std::vector<char> forced_;
  std::vector<std::vector<std::string>> product_digests_;      ///< by node; filled when first asked for
  std::unordered_map<const Step*, std::string> step_digests_;  ///< looked up, never walked
};

}  // namespace

std::string_view to_text(ReasonKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  BATON_ASSERT(index < kinds.size());
  return kinds[index];
}

std::optional<ReasonKind> reason_kind_from(std::string_view text) {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == text) return static_cast<ReasonKind>(i);
  }
  return std::nullopt;
}

Plan plan(const Project& project, const Facts& facts, const Selection& selection) {
  return Planner(project, facts, selection).make();
}

}  // namespace baton::core
