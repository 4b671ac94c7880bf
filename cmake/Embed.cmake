# descent_embed(<target> <file> <name>): compiles a text file into a target, where the function
#   namespace descent::embedded { std::string_view <name>(); }
# gives it back. Run as a script this file writes the source.
function(descent_embed target file name)
  set(script "${CMAKE_CURRENT_FUNCTION_LIST_FILE}")
  set(source "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp")
  get_filename_component(file "${file}" ABSOLUTE)
  add_custom_command(OUTPUT "${source}"
    COMMAND ${CMAKE_COMMAND} "-DFILE=${file}" "-DSOURCE=${source}" "-DNAME=${name}" -P "${script}"
    DEPENDS "${file}" "${script}" VERBATIM)
  target_sources(${target} PRIVATE "${source}")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  # Byte by byte, because neither CMake's lists nor raw strings keep every character; in pieces,
  # because compilers need not take longer texts.
  file(READ "${FILE}" hex HEX)
  string(LENGTH "${hex}" digits)
  set(at 0)
  while(at LESS digits)
    string(SUBSTRING "${hex}" ${at} 4000 piece)
    string(REGEX REPLACE "(..)" "\\\\x\\1" piece "${piece}")
    string(APPEND pieces "      \"${piece}\"sv,\n")
    math(EXPR at "${at} + 4000")
  endwhile()
  file(WRITE "${SOURCE}" "#include <string>\n#include <string_view>\n
namespace descent::embedded {\n
std::string_view ${NAME}();\n
std::string_view ${NAME}() {
  using namespace std::string_view_literals;
  static const std::string text = [] {
    std::string all;
    for (const std::string_view piece : {\n${pieces}        \"\"sv})
      all += piece;
    return all;
  }();
  return text;
}\n
}  // namespace descent::embedded\n")
endif()
