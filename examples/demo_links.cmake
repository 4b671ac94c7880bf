# Makes the demo's page of FOLDER, which holds what the landscapes' examples wrote, and checks that it
# shows them and that all that it links is there. Run by ctest: SINE and DEMO_PAGE are programs, LAYOUT
# is page.html.
foreach(command IN ITEMS "${SINE};--steps;300;--out;${FOLDER}/sine" "${DEMO_PAGE};${LAYOUT};${FOLDER}")
  execute_process(COMMAND ${command} RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(status)
    message(FATAL_ERROR "${command}: ${status}\n${text}")
  endif()
endforeach()
file(READ "${FOLDER}/index.html" page)
include("${CMAKE_CURRENT_LIST_DIR}/../tests/written.cmake")
expect_links("${FOLDER}/index.html")
foreach(file IN ITEMS plane/plane.html conv/loss.html transformer/loss.html six/maps.svg)
  string(FIND "${page}" "href=\"${file}\"" found)
  if(found EQUAL -1)
    message(FATAL_ERROR "index.html does not link ${file}")
  endif()
endforeach()
