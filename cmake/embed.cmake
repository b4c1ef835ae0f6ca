# baton_embed(target NAME files...): makes the text of files known to `target` as generated/NAME.hpp,
#   namespace baton::embedded { struct File { std::string_view name, text; }; inline constexpr File NAME[]; }
function(baton_embed target name)
  string(REPLACE ";" "|" joined "${ARGN}")
  set(out ${CMAKE_BINARY_DIR}/generated/${name}.hpp)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DNAME=${name} "-DFILES=${joined}" -P ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/embed_script.cmake VERBATIM)
  target_sources(${target} PRIVATE ${out})
  target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR}/generated)
endfunction()
