/// A project in a few lines, and what is known of it before a run: what tests of planning begin with.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/dag.hpp"
#include "core/key.hpp"
#include "core/model.hpp"
#include "core/plan.hpp"

namespace baton::test {

inline core::Input literal(std::string port, std::string json) { return {std::move(port), core::Literal{{std::move(json)}}}; }
inline core::Input param(std::string port, std::string name, std::string json) {
  return {std::move(port), core::Param{std::move(name), {std::move(json)}}};
}
inline core::Input file(std::string port, std::string path) {
  return {std::move(port), core::FileInput{.path = std::move(path)}};
}
inline core::From::Source source(Index node, std::string port = "v") {
  return {.node = node, .port = std::move(port), .given = nullptr};
}
inline core::Input from(std::string port, Index node, std::string of = "v") {
  return {std::move(port), core::From{.sources = {source(node, std::move(of))}}};
}
inline core::Input gather(std::string port, const std::vector<Index>& nodes) {
  core::From all{.gather = true};
  for (const auto node : nodes) all.sources.push_back(source(node));
  return {std::move(port), std::move(all)};
}

/// Nodes have a value output `v` unless said otherwise.
class World {
 public:
  core::Project project;
  core::Facts facts;

  Index node(const std::string& id, std::vector<core::Input> inputs = {}) {
    auto step = std::make_shared<core::Step>();
    step->name = id;
    step->command = {.shell = true, .words = {"true"}};
    step->outputs = {{.port = "v", .kind = core::OutputKind::json}};
    project.nodes.push_back({.id = NodeId(id), .step = std::move(step), .inputs = std::move(inputs)});
    facts.history.emplace_back();
    return static_cast<Index>(project.nodes.size() - 1);
  }
  /// With a file output `f` instead.
  Index file_node(const std::string& id, std::vector<core::Input> inputs = {}) {
    const auto index = node(id, std::move(inputs));
    step(index).outputs = {{.port = "f", .kind = core::OutputKind::file, .name = "f.txt"}};
    return index;
  }
  core::Step& step(Index i) { return const_cast<core::Step&>(*project.nodes[i].step); }  // made by node(), which owns it alone
  void has_file(const std::string& path, const std::string& content) {
    facts.files[path] = {.path = path, .stat = "s", .digest = core::sha256(content)};
  }

  /// What the node would make now: a text by its name and `content`, or a file below `/out`.
  core::Products products_of(Index i, const std::string& content = "") {
    core::Products products;
    for (const auto& output : project.nodes[i].step->outputs) {
      const auto text = project.nodes[i].id.value() + "." + output.port + content;
      if (core::is_path(output.kind)) {
        products.push_back({output.port, core::Stamp{.path = "/out/" + text, .stat = "s", .digest = core::sha256(text)}});
      } else {
        products.push_back({output.port, core::Value{'"' + text + '"'}});
      }
    }
    return products;
  }
  /// The node has succeeded in this run with what is there now; its producers have before it.
  core::Success& succeed(Index i, std::int64_t run = 1, const std::string& content = "") {
    auto success = std::make_shared<core::Success>();
    success->iteration = Iteration(run);
    success->attempt = 1;
    success->key = key_of(i);
    success->products = products_of(i, content);
    facts.history[i] = {.state = core::State::success, .success = success};
    return *success;
  }
  void succeed_all(std::int64_t run = 1) {
    for (const auto i : core::topological_order(core::dag_of(project))) succeed(i, run);
  }

  [[nodiscard]] core::Plan plan(const core::Selection& selection = {}) const { return core::plan(project, facts, selection); }
  [[nodiscard]] std::vector<std::string> planned(const core::Selection& selection = {}) const {
    std::vector<std::string> names;
    for (const auto i : plan(selection).nodes) names.push_back(project.nodes[i].id.value());
    return names;
  }

  core::Key key_of(Index i) {
    const auto& node = project.nodes[i];
    std::vector<std::string> scripts;
    for (const auto& script : node.step->files) scripts.push_back(facts.files.at(script.path).digest);
    core::Key key{.definition = core::definition_digest(node, scripts)};
    for (const auto& input : node.inputs) key.inputs[input.port] = digest_of(input);
    return key;
  }

 private:
  std::string digest_of(const core::Input& input) {
    if (const auto* value = std::get_if<core::Literal>(&input.source)) return core::sha256(value->value.json);
    if (const auto* value = std::get_if<core::Param>(&input.source)) return core::sha256(value->value.json);
    if (const auto* path = std::get_if<core::FileInput>(&input.source)) return facts.files.at(path->path).digest;
    const auto& all = std::get<core::From>(input.source);
    std::vector<std::string> digests;
    for (const auto& one : all.sources) {
      for (const auto& product : facts.history[one.node].success->products) {
        if (product.port == one.port) digests.push_back(core::digest_of(product));
      }
    }
    return all.gather ? core::gathered_digest(digests) : digests.at(0);
  }
};

}  // namespace baton::test
