/// Helpers of this folder: parse a text, look at what came out.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "formats/pipeline.hpp"

namespace baton::test {

inline Result<core::Project> try_parse(std::string_view text, std::map<std::string, std::string> set = {}) {
  return formats::parse_pipeline(text, {.file = "pipeline.yaml", .base_dir = "/home/ada/work", .set = std::move(set)});
}

/// The project of a document that must be good.
inline core::Project parsed(std::string_view text, std::map<std::string, std::string> set = {}) {
  auto project = try_parse(text, std::move(set));
  if (project) return std::move(*project);
  ADD_FAILURE() << project.error().what << " at " << project.error().where << " (" << project.error().way_out << ")";
  return {};
}

inline std::vector<std::string> ids_of(const core::Project& project) {
  std::vector<std::string> ids;
  for (const auto& node : project.nodes) ids.push_back(node.id.value());
  return ids;
}

inline const core::Node& node_of(const core::Project& project, std::string_view id) {
  static const core::Node none{NodeId("none"), std::make_shared<core::Step>(), {}, {}, {}, {}};
  for (const auto& node : project.nodes) {
    if (node.id.value() == id) return node;
  }
  ADD_FAILURE() << "no node " << id;
  return none;
}

/// `reads[a].r1`, gathered ones as `[reads[a].r1 reads[b].r1]`; `file:/path`, `dir:/path`, `param:name=1`, `1`.
inline std::string source_of(const core::Project& project, const core::Input& input) {
  if (const auto* literal = std::get_if<core::Literal>(&input.source)) return literal->value.json;
  if (const auto* param = std::get_if<core::Param>(&input.source)) return "param:" + param->name + "=" + param->value.json;
  if (const auto* file = std::get_if<core::FileInput>(&input.source)) {
    return (file->directory ? "dir:" : "file:") + file->path + (file->by_stat ? " by stat" : "");
  }
  const auto& from = std::get<core::From>(input.source);
  std::string text;
  for (const auto& source : from.sources) {
    text += (text.empty() ? "" : " ") + project.nodes.at(source.node).id.value() + "." + source.port;
  }
  return from.gather ? "[" + text + "]" : text;
}

inline std::string source_of(const core::Project& project, std::string_view node, std::string_view port) {
  for (const auto& input : node_of(project, node).inputs) {
    if (input.port == port) return source_of(project, input);
  }
  return "no such port";
}

inline std::vector<std::string> after_of(const core::Project& project, std::string_view node) {
  std::vector<std::string> ids;
  for (const auto index : node_of(project, node).after) ids.push_back(project.nodes.at(index).id.value());
  return ids;
}

using Texts = std::vector<std::string>;

}  // namespace baton::test
