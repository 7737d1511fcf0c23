// a page for every path, that of the socket too: Next would answer its upgrade by hanging up
export default async function Page({ params }) {
  const { path = [] } = await params
  return <p>This is /{path.join('/')}</p>
}
